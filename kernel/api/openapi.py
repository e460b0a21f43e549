"""The API as an OpenAPI 3.1 document, made from the routes and the types that they take and give."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

import msgspec

from .problems import MEDIA_TYPE, Problem
from .reading import Body, Nothing, Query
from .responses import Answer, Text
from .router import Route
from .streams import STREAM, Streamed

__all__ = ["document"]

_REF = "#/components/schemas/{name}"
_REFUSED = {
    400: "The request is not of this form.",
    401: "No token, or one that does not count (over TCP).",
    403: "The token's role, or the policy, does not allow it.",
    404: "There is no such thing.",
    408: "The request's body did not come in time.",
    413: "The request's body is too large.",
    422: "The plugin cannot be loaded, or the Idempotency-Key came with another body.",
    429: "Too many requests: try again in a second.",
    502: "A tool failed.",
    503: "Not now: the kernel is closing, or too much waits.",
    504: "It did not end in time.",
}
_EVERYWHERE = (400, 401, 403, 429, 503, 504)
_TAGS = {
    "events": "What happens, live and from the past",
    "tasks": "Work for agents",
    "runs": "Tasks with all that they led to",
    "agents": "Who does the work",
    "plugins": "What agents can use",
    "tools": "Calls outside any task",
    "approvals": "Calls that wait for somebody's word",
    "policy": "The operator's rules",
    "elements": "Things that operators keep",
    "progressions": "Orders of elements",
    "dead": "What found no reader",
    "journal": "What is kept",
    "kernel": "The kernel as a whole",
}


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document; the same routes give the same one."""
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda r: (r.path, r.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths["/v1/events"] = {"get": _stream(STREAM)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Retinue",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {str(code): _problem(text) for code, text in _REFUSED.items()},
            "headers": _HEADERS,
        },
    }


_ABOUT = (
    "The control API of a Retinue kernel, over its Unix socket (without a token) or over TCP (with "
    "one). Unknown fields and query names are refused. Answers to GET have an ETag. Each POST takes "
    "an Idempotency-Key: sent again with the same body it gets the first answer."
)
_HEADERS = {
    "ETag": {
        "description": "A name of this answer, for If-None-Match.",
        "schema": {"type": "string"},
    },
    "Retinue-Call": {
        "description": "The call that is followed: its events have this `cause`.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "The next page, as rel=next, when there may be one.",
        "schema": {"type": "string"},
    },
}


def _operation(route: Route) -> dict[str, Any]:
    summary, description = _said(route.handler)
    told: dict[str, Any] = {
        "operationId": _id_of(route),
        "tags": [_tag(route.path)],
        "summary": summary,
        "x-role": route.role,
    }
    if description:
        told["description"] = description
    if route.role == "public":
        told["security"] = []
    if parameters := _parameters(route):
        told["parameters"] = parameters
    if route.body is not Nothing:
        told["requestBody"] = {
            "required": _is_required(route.body),
            "content": {"application/json": {"schema": _schema(route.body)}},
        }
    elif route.method == "POST":
        empty = {"type": "object", "additionalProperties": False}
        told["requestBody"] = {"content": {"application/json": {"schema": empty}}}
    told["responses"] = _responses(route)
    return told


def _stream(stream: Streamed) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    return {
        "operationId": "follow_events",
        "tags": ["events"],
        "summary": stream.summary,
        "description": stream.description,
        "x-role": "viewer",
        "parameters": [
            *_of_query(stream.query),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "Go on after this event; for server-sent events.",
                "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
            },
        ],
        "responses": {
            "200": {
                "description": "Events, until the client goes.",
                "content": {"application/x-ndjson": text, "text/event-stream": text},
            },
            **{str(code): _ref("responses", str(code)) for code in _EVERYWHERE},
        },
    }


def _responses(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for status, kind in sorted(_answers(route).items()):
        told[str(status)] = _answer(route, kind)
    if route.method == "GET":
        told["304"] = {"description": "What you have is what there is (If-None-Match)."}
    names = "{" in route.path or route.method != "GET" or _is_paged(route)
    codes = set(_EVERYWHERE) | ({404} if names else set())
    codes |= {408, 413} if route.method != "GET" else set()
    codes |= {422} if "/plugins" in route.path or route.method == "POST" else set()
    codes |= {502} if "/tools" in route.path or "/plugins" in route.path else set()
    for code in sorted(codes):
        told.setdefault(str(code), _ref("responses", str(code)))
    return told


def _answer(route: Route, kind: Any) -> dict[str, Any]:
    if kind is Problem:
        return _problem("It is no longer kept.")
    if isinstance(kind, Text):
        return {
            "description": "Text.",
            "content": {kind.media_type.partition(";")[0]: {"schema": {"type": "string"}}},
        }
    told: dict[str, Any] = {
        "description": "The answer.",
        "content": {"application/json": {"schema": _schema(kind)}},
    }
    if route.follow is not None:
        told["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    names = ["ETag"] if route.method == "GET" else []
    names += ["Retinue-Call"] if route.follow is not None else []
    names += ["Link"] if _is_paged(route) else []
    if names:
        told["headers"] = {name: _ref("headers", name) for name in names}
    return told


def _is_paged(route: Route) -> bool:
    return "before" in route.query.__struct_fields__


def _answers(route: Route) -> Mapping[int, Any]:
    """What the route says, or what its handler's return type does."""
    if route.answers:
        return route.answers
    kind = get_type_hints(route.handler).get("return", Any)
    return {200: Any if kind is Answer else kind}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    found += _of_query(route.query)
    if route.method == "POST":
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body get the first answer again.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        )
    return found


def _of_query(kind: type[Query]) -> list[dict[str, Any]]:
    if kind is Query:
        return []
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": about}
        for name, about in schema["properties"].items()
    ]


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    kinds: list[Any] = [Problem, *(r.body for r in routes if r.body is not Nothing)]
    for route in routes:
        kinds += [kind for kind in _answers(route).values() if not isinstance(kind, Text)]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    return dict(sorted(components.items()))


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return schema


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": _schema(Problem)}}}


def _is_required(kind: type[Body]) -> bool:
    return any(field.required for field in msgspec.structs.fields(kind))


def _ref(where: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{where}/{name}"}


def _said(handler: Any) -> tuple[str, str]:
    text = inspect.cleandoc(handler.__doc__ or "").replace("``", "`")
    summary, _, rest = text.partition("\n")
    return summary.strip(), rest.strip()


def _tag(path: str) -> str:
    part = path.removeprefix("/v1/").strip("/").partition("/")[0]
    return part if part in _TAGS else "kernel"


def _id_of(route: Route) -> str:
    words = re.sub(r"[{}]", "", route.path.removeprefix("/v1")).strip("/").replace(".", "_")
    return f"{route.method.lower()}_{words.replace('/', '_')}"
