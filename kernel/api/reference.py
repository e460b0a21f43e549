"""``/openapi.json``, and ``/reference``: the same as a page, with no script and no other site."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape
from typing import Any

from .router import Call, Route, Text

__all__ = ["routes"]

_HTML, _CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"
_STYLE = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
section { border-top: 1px solid; padding: .5rem 0; }
code, h3 { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .2rem .6rem .2rem 0; text-align: left; vertical-align: top; }
"""


def routes(document: Callable[[], dict[str, Any]]) -> tuple[Route, ...]:
    """``document`` is asked once."""
    known = cache(document)

    def openapi(_: Call) -> dict[str, Any]:
        """This document."""
        return known()

    def page(_: Call) -> Text:
        """The reference as a page."""
        return Text(_page(known()), _HTML)

    return (
        Route("GET", "/openapi.json", openapi, role="viewer"),
        Route("GET", "/reference", page, role="public", answers={200: Text("", _HTML)}),
        Route("GET", "/reference.css", style, role="public", answers={200: Text("", _CSS)}),
    )


def style(_: Call) -> Text:
    """How the reference looks."""
    return Text(_STYLE, _CSS)


def _page(document: dict[str, Any]) -> str:
    operations = [
        _operation(method, path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    info = document["info"]
    title = f"{escape(info['title'])} API {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" '
        f'href="/reference.css"></head><body><main><h1>{title}</h1>'
        f"<p>{escape(info['description'])}</p>{_contents(document)}{''.join(operations)}"
        f"<h2>Types</h2>{_types(document['components']['schemas'])}</main></body></html>"
    )


def _contents(document: dict[str, Any]) -> str:
    items = [
        f'<li><a href="#{told["operationId"]}"><code>{method.upper()} {escape(path)}</code></a></li>'
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    return f'<nav aria-label="Routes"><ul>{"".join(items)}</ul></nav>'


def _operation(method: str, path: str, told: dict[str, Any]) -> str:
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    parts = [
        f'<section id="{told["operationId"]}"><h3>{method.upper()} {escape(path)}</h3>',
        f"<p>{escape(told['summary'])} {escape(told.get('description', ''))}</p>",
        f"<p>Role: {told['x-role']}</p>",
        _rows([(p["name"], p["in"], p["schema"]) for p in told.get("parameters", ())]),
        f"<p>Body: {_shown(body['schema'])}</p>" if body else "",
    ]
    answers = [
        f"{code} {_shown(content['schema'])}"
        for code, answer in told["responses"].items()
        for content in answer.get("content", {}).values()
    ]
    return "".join(parts) + f"<p>Answers: {', '.join(answers)}</p></section>"


def _types(schemas: dict[str, Any]) -> str:
    parts = []
    for name, schema in schemas.items():
        about = escape(schema.get("description", "").replace("``", ""))
        rows = [(field, "", kind) for field, kind in schema.get("properties", {}).items()]
        parts.append(
            f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{about}</p>{_rows(rows)}</section>'
        )
    return "".join(parts)


def _rows(rows: list[tuple[str, str, dict[str, Any]]]) -> str:
    if not rows:
        return ""
    cells = [
        f"<tr><td><code>{escape(name)}</code></td><td>{where}</td><td>{_shown(schema)}</td></tr>"
        for name, where, schema in rows
    ]
    return f"<table><tbody>{''.join(cells)}</tbody></table>"


def _shown(schema: dict[str, Any]) -> str:
    """A type in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_shown(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_shown(schema.get('items') or {})}"
    return escape(str(schema.get("type", "anything")))
