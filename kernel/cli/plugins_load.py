"""``retinue plugins load``, ``unload``, ``revoke`` and ``release``: an operator's word on plugins."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Any

import click

from retinue.bus.errors import Denied, RetinueError
from retinue.bus.views import PluginProposal, PluginView

from ..client import under
from ..text import one_line, painted
from .options import Cli, common
from .output import json_line, note, record
from .remote import remote_of
from .tasks import reason

__all__ = ["folder", "load", "plugin_name", "release", "revoke", "unload"]

_SECONDS = 30.0
"""On top of the usual patience: a plugin has to start."""
_LONGEST_CALL = 3600.0

folder = click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))


def _names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """What the shell completes: the daemon's plugins, or nothing when none answers in time."""
    given = ctx.params.get
    try:
        remote = remote_of(
            given("url"), given("token_file"), given("ca"), given("state_dir"), os.environ
        )
        cli = Cli(given("state_dir"), given("config"), as_json=True, remote=remote)
        views = cli.client.get("/v1/plugins", list[PluginView])
    except (RetinueError, OSError):
        return []
    return [view.name for view in views if view.name.startswith(incomplete)]


plugin_name = click.argument("name", shell_complete=_names)


@click.command("load")
@folder
@click.option("--yes", is_flag=True, help="Approve what it asks for, without being asked.")
@click.option("--approve", metavar="DIGEST", help="Approve this content, and no other.")
@common
def load(cli: Cli, path: Path, approve: str | None, *, yes: bool) -> None:
    r"""Load a plugin from its folder, or replace the version that runs.

    It runs in a process of its own, and may do what you approve. Your word holds for this content
    alone: a changed folder is asked about again. Calls in flight end on the old version.

    \b
    Examples:
      retinue plugins load ./weather
      retinue plugins load ./weather --yes
      retinue plugins load ./weather --approve "$(retinue plugins check ./weather --digest)"
    """
    cli.only_here("the daemon reads the plugin's folder where it is")
    place = str(path.absolute())
    proposal = cli.client.post("/v1/plugins/propose", PluginProposal, {"path": place})
    word = _word(cli, proposal, approve, yes=yes)
    body = {"path": place, "approve": word, "by": getpass.getuser()}
    view = cli.client.post("/v1/plugins", PluginView, body, wait=_SECONDS)
    walls = f"{view.level}: {', '.join(view.layers)}"
    fields = [("plugin", f"{view.name} {view.version}"), ("state", view.state), ("walls", walls)]
    offers = [("tools", list(view.tools)), ("agents", list(view.agents))]
    record(cli, view, [*fields, *offers])


@click.command("unload")
@plugin_name
@click.option(
    "--drain",
    type=click.FloatRange(0, _LONGEST_CALL),
    help="Seconds for calls in flight to end.  [as long as a call may take]",
)
@reason
@common
def unload(cli: Cli, name: str, drain: float | None, reason: str) -> None:
    r"""Let a plugin go: no new calls, then those in flight end, then its process.

    What it was granted is remembered: loading the same content again asks nothing.

    \b
    Example:
      retinue plugins unload weather
    """
    query = {"reason": reason, "drain": drain}
    wait = _LONGEST_CALL if drain is None else drain
    answer = cli.client.delete(under("plugins", name), dict[str, Any], query, wait=wait)
    json_line(answer) if cli.as_json else note(f"unloaded {name}")


@click.command("revoke")
@plugin_name
@reason
@common
def revoke(cli: Cli, name: str, reason: str) -> None:
    r"""Take back what a plugin was granted, and end it at once; its calls in flight fail.

    \b
    Example:
      retinue plugins revoke weather --reason "its maker's account was taken over"
    """
    answer = cli.client.delete(under("plugins", name, "grant"), dict[str, Any], {"reason": reason})
    json_line(answer) if cli.as_json else note(f"revoked what {name} was granted, and ended it")


@click.command("release")
@plugin_name
@common
def release(cli: Cli, name: str) -> None:
    r"""Start a plugin in quarantine once more. It is put there after five crashes in a minute.

    \b
    Example:
      retinue plugins release weather
    """
    path = under("plugins", name, "release")
    view = cli.client.post(path, PluginView, wait=_SECONDS)
    record(cli, view, [("plugin", f"{view.name} {view.version}"), ("state", view.state)])


def _word(cli: Cli, proposal: PluginProposal, approve: str | None, *, yes: bool) -> str:
    """The digest that is approved, or nothing where this content was approved before."""
    if proposal.granted:
        return ""
    if approve is not None:
        return approve
    if not cli.as_json:
        _tell(proposal, color=cli.color)
    if yes:
        return proposal.digest
    asked = not cli.as_json and sys.stdin.isatty()
    if asked and click.confirm("Load it, and let it do this?", default=False, err=True):
        return proposal.digest
    raise Denied(
        "grant.approval",
        proposal.name,
        f"plugin {proposal.name!r} was not loaded"
        + ("" if asked else ": nobody approved it; say --yes, or --approve with its digest"),
    )


def _tell(proposal: PluginProposal, *, color: bool) -> None:
    """What it asks for, in words; on stderr, as it is no result."""
    color = color and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    about = f": {one_line(proposal.description)}" if proposal.description else ""
    lines = [
        f"{proposal.name} {proposal.version}{about}",
        f"  content  {proposal.digest}",
        f"  walls    {proposal.level}, a process of its own",
        *_asks(proposal, color=color),
    ]
    for line in lines:
        click.echo(line, err=True)


def _asks(proposal: PluginProposal, *, color: bool) -> list[str]:
    new = f"   ← new since {proposal.before}" if proposal.before else ""
    lines = ["  It asks to:" if proposal.asks else "  It asks for nothing beyond computing."]
    for ask in map(one_line, proposal.asks):
        mark = new if ask in map(one_line, proposal.wider) else ""
        lines.append(f"    - {ask}" + painted(mark, "yellow", color=color))
    if proposal.refused:
        lines.append("  It asks for more, which [sandbox.allow] grants to no plugin:")
        lines += [painted(f"    - {one_line(ask)}", "red", color=color) for ask in proposal.refused]
    if proposal.before == proposal.version:
        lines.append(
            f"  Its files changed since you approved {proposal.before}; its version did not."
        )
    if proposal.before and proposal.wider:
        wider = f"  It asks for more than {proposal.before}, which you approved."
        lines.append(painted(wider, "yellow", color=color))
    elif proposal.before and proposal.asks:
        lines.append(f"  It asks for nothing more than {proposal.before}, which you approved.")
    return lines
