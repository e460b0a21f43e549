"""The pages that plugins of the system bring: ``/`` and ``/pages/PLUGIN/PATH``."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retinue.bus.errors import NotFound
from retinue.plugins.pages import Page, Pages

from .responses import Reply, is_known, problem_response

__all__ = ["HOME", "PageFiles"]

HOME = "console"
"""The plugin whose pages are at ``/``."""


class PageFiles:
    """Answers with files that are in memory; whoever can connect may have them."""

    def __init__(self, pages: Mapping[str, Pages]) -> None:
        """By the names of their plugins; one that comes later is served as well."""
        self._pages = pages

    def routes(self) -> list[Route]:
        """For Starlette, in the order in which they are tried."""
        return [
            Route("/", self._answer, methods=["GET"]),
            Route("/pages/{plugin}/{path:path}", self._answer, methods=["GET"]),
        ]

    async def _answer(self, request: Request) -> Response:
        params = request.path_params
        name, path = params.get("plugin", HOME), params.get("path", "")
        pages = self._pages.get(name)
        page = pages.find(path) if pages else None
        if page is None:
            return problem_response(NotFound(f"there is no page {request.url.path}"))
        return _served(page, request.headers)


def _served(page: Page, asked: Mapping[str, str]) -> Response:
    # no-cache: kept by the browser, and asked for again, so that a new version shows at once
    headers = {"etag": page.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if is_known(page.etag, asked):
        return Reply(status_code=304, headers=headers)
    packed = "gzip" in asked.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    body = page.packed if packed else page.body
    return Reply(body, headers=headers, media_type=page.media_type)
