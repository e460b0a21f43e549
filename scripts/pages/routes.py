"""``reference/http-api.md``, from the routes of ``retinue.kernel.api``."""

from __future__ import annotations

import json

import msgspec
from text import fields, prose

from retinue.kernel.api.events import Cursor
from retinue.kernel.api.router import Body, Nothing, Query, Route
from retinue.kernel.api.sockets import Listen, Sockets
from retinue.kernel.api.streams import STREAM
from retinue.kernel.api.table import described, listed

_HEAD = """\
# HTTP API

<!-- Written by scripts/docs from kernel/api. Change the code, then run scripts/docs. -->

The daemon answers HTTP on a Unix socket in its state folder. Only the daemon's user can open it.
With `--listen` it answers over TCP too, and each request has to show a token:
[how to use the API](../how-to/use-the-api.md). The role that a route needs there stands with it.
Requests and answers are JSON. Unknown fields and query names are refused.
An error is a problem as in RFC 9457: a JSON object with `type`, `title`, `status` and `detail`; `errors`
names the fields that are wrong. Answers to GET have an `ETag`. Each POST takes an `Idempotency-Key`.
The same is there for programs: [openapi.json](openapi.json), which a daemon serves at `/openapi.json`.

```console fragment
$ curl --unix-socket ~/.local/state/retinue/main/retinue.sock http://localhost/v1/status
```

{routes}
"""


def page() -> str:
    """The whole page."""
    parts = [*map(_entry, listed()), _events(), *_sockets()]
    return _HEAD.format(routes="\n\n".join(parts))


def openapi() -> str:
    """The OpenAPI document."""
    return json.dumps(json.loads(msgspec.json.encode(described())), indent=2) + "\n"


def _entry(route: Route) -> str:
    said = prose(route.handler.__doc__)
    parts = [f"## {route.method} {route.path}", f"Role: {route.role}.", said]
    parts += _given("Query", route.query, Query) + _given("Body", route.body, Body)
    return "\n\n".join(parts)


def _events() -> str:
    said = f"Role: viewer.\n\n{STREAM.summary} {STREAM.description}"
    return "\n\n".join(["## GET /v1/events", said, *_given("Query", Cursor, Query)])


def _sockets() -> list[str]:
    served = [
        ("/events", "events"),
        ("/ws/orchestrator", "orchestrator"),
        ("/ws/runs/{run}", "run"),
    ]
    entries = [
        f"## WebSocket {path}\n\n{prose(getattr(Sockets, name).__doc__)}" for path, name in served
    ]
    about = [
        f"## What WebSockets share\n\n{prose(Sockets.__doc__)}",
        *_given("Query", Listen, Query),
    ]
    return [*entries, *about]


def _given(where: str, kind: type[Query | Body], root: type[Query | Body]) -> list[str]:
    if kind in (root, Nothing):
        return []
    return [f"{where}: {prose(kind.__doc__)}", fields(kind)]
