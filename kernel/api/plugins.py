"""Plugins: who is there, what they ask for, loading them and letting them go, and calls of tools."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from retinue.bus.errors import NotFound
from retinue.bus.views import PluginProposal, PluginView

from .agents import Because
from .reading import within
from .router import Answer, Body, Call, Followed, Query, Route

__all__ = ["ROUTES"]

Path = Annotated[str, Meta(pattern=r"^/", description="an absolute path on the daemon's machine")]


class Propose(Body, frozen=True):
    """A plugin's folder, which the daemon reads."""

    path: Path


class Load(Body, frozen=True):
    """A plugin's folder, and the digest of what is approved; ``by`` says who did."""

    path: Path
    approve: str = ""
    by: str = ""


class Unload(Because, frozen=True):
    """Why, and how many seconds the calls in flight have; as long as a call may take by default."""

    drain: Annotated[float, Meta(ge=0, le=3600)] | None = None


class Invoke(Body, frozen=True):
    """Arguments of a tool, and the seconds that it may take."""

    args: dict[str, Any] = {}
    timeout: Annotated[float, Meta(ge=0.1, le=600)] = 30.0


class Following(Query, frozen=True):
    """With ``cancel_on_disconnect`` a call that is followed ends when its client goes away."""

    cancel_on_disconnect: bool = False


class Returned(msgspec.Struct, frozen=True):
    """What a tool gave back."""

    tool: str
    result: Any


def list_plugins(call: Call) -> list[PluginView]:
    """All plugins, by name."""
    return call.kernel.plugins()


def show_plugin(call: Call) -> PluginView:
    """One plugin."""
    return _view(call, call.params["name"])


def propose(call: Call) -> PluginProposal:
    """What the plugin in a folder asks for, before anything of it runs."""
    return call.kernel.propose_plugin(call.body.path)


def load(call: Call) -> Answer:
    """Load a plugin, or replace the version that runs; it is refused unless its content is approved."""
    loaded = call.kernel.load_plugin(call.body.path, call.body.approve, call.body.by)
    return Answer(201, _view(call, loaded.name))


def unload(call: Call) -> dict[str, Any]:
    """Take a plugin's tools away, let calls in flight end, and end its process."""
    name = call.params["name"]
    call.kernel.unload_plugin(name, call.query.reason, call.query.drain)
    return {"name": name, "unloaded": True}


def revoke(call: Call) -> dict[str, Any]:
    """Take back what a plugin was granted, and end it at once."""
    name = call.params["name"]
    call.kernel.revoke_plugin(name, call.query.reason)
    return {"name": name, "revoked": True}


def release(call: Call) -> PluginView:
    """Start a plugin in quarantine once more."""
    return call.kernel.release_plugin(call.params["name"])


def invoke(call: Call) -> Returned:
    """Call a tool as an operator, outside any task.

    With ``Accept: text/event-stream`` the call is followed with server-sent events: first ``call``,
    with its ``id`` (also in the header ``Retinue-Call``) and where its events are; then a ``chunk``
    for each piece of output and ``progress``, as the tool tells them; at last one ``result``, or
    one ``error`` with the problem. Who lost the connection finds the rest at ``/v1/events?cause=ID``,
    after the last ``id`` that came.
    """
    tool = call.params["tool"]
    with within("/args"):
        result = call.kernel.invoke(tool, call.body.args, timeout=call.body.timeout)
    return Returned(tool, result)


def follow(call: Call) -> Followed:
    """The same call, to be followed."""
    asked: Invoke = call.body
    made = call.kernel.tool_call(call.params["tool"], asked.args)
    return Followed(made, asked.timeout, call.query.cancel_on_disconnect)


def _view(call: Call, name: str) -> PluginView:
    found = {view.name: view for view in call.kernel.plugins()}
    if name not in found:
        raise NotFound(f"there is no plugin '{name}': it is one of {', '.join(sorted(found))}")
    return found[name]


ROUTES = (
    Route("GET", "/v1/plugins", list_plugins, role="viewer"),
    Route("POST", "/v1/plugins", load, body=Load, lane="wait", answers={201: PluginView}),
    Route("POST", "/v1/plugins/propose", propose, body=Propose),
    Route("GET", "/v1/plugins/{name}", show_plugin, role="viewer"),
    Route("DELETE", "/v1/plugins/{name}", unload, Unload, lane="wait"),
    Route("DELETE", "/v1/plugins/{name}/grant", revoke, Because, lane="wait"),
    Route("POST", "/v1/plugins/{name}/release", release, lane="wait"),
    Route(
        "POST",
        "/v1/tools/{tool}/invoke",
        invoke,
        Following,
        Invoke,
        "wait",
        "operator",
        follow=follow,
    ),
)
