"""``reference/http-api.md``, from the routes of ``retinue.kernel.api``."""

from __future__ import annotations

from text import fields, prose

from retinue.kernel.api import agents, asking, elements, events, status, tasks
from retinue.kernel.api.events import Cursor
from retinue.kernel.api.router import Body, Nothing, Query, Route
from retinue.kernel.api.sockets import Listen, Sockets

_HEAD = """\
# HTTP API

<!-- Written by scripts/docs from kernel/api. Change the code, then run scripts/docs. -->

The daemon answers HTTP on a Unix socket in its state folder. Only the daemon's user can open it.
With `--listen` it also lets programs of this machine read events over TCP: `/healthz`, `/v1/events`,
`/v1/events/{{seq}}` and the WebSockets, and nothing else.
Requests and answers are JSON. Unknown fields and query names are refused.
An error is a problem as in RFC 9457: a JSON object with `type`, `title`, `status` and `detail`.

```console fragment
$ curl --unix-socket ~/.local/state/retinue/main/retinue.sock http://localhost/v1/status
```

{routes}
"""


def page() -> str:
    """The whole page."""
    table = [*status.routes(lambda _: None), *tasks.ROUTES, *agents.ROUTES, *elements.ROUTES]
    table += [*asking.ROUTES, *events.ROUTES]
    parts = [*map(_entry, table), _events(), *_sockets()]
    return _HEAD.format(routes="\n\n".join(parts))


def _entry(route: Route) -> str:
    said = prose(route.handler.__doc__) or "Begin the daemon's stop."
    parts = [f"## {route.method} {route.path}", said]
    parts += _given("Query", route.query, Query) + _given("Body", route.body, Body)
    return "\n\n".join(parts)


def _events() -> str:
    said = (
        "The events as JSON lines, one each. An empty line is a heartbeat.\n\n"
        "With `Accept: text/event-stream` they are server-sent events: `id` is the `seq`, `event` the type, "
        "`data` the event as CloudEvents JSON. `Last-Event-ID` goes on after that event. An event `gap` says "
        "what is missing and how to get it, an event `problem` why the stream ends. A comment is a heartbeat."
    )
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
