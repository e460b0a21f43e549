"""A bare Starlette route on uvicorn, over a Unix socket: what an HTTP answer costs without a kernel."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main() -> None:
    """Serve as many bytes as are named, at the path that is named, until the process is ended."""
    path, size = sys.argv[1], int(sys.argv[2])
    body = b"x" * size

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json")

    app = Starlette(routes=[Route("/", answer)])
    uvicorn.run(app, uds=path, loop="asyncio", http="h11", log_level="critical", access_log=False)


if __name__ == "__main__":
    main()
