"""``retinue doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click

from retinue.bus.errors import NotFound, RetinueError, Unavailable
from retinue.bus.views import StatusView

from .. import checks
from ..findings import Finding
from ..text import one_line, painted
from ..unix_socket import is_answered
from ..wall_checks import walls
from .exits import Exit
from .journal import view_of
from .options import Cli, common
from .output import json_line

__all__ = ["Finding", "command", "show_finding"]

_STYLES = {"ok": "green", "note": "yellow", "fail": "red"}


@click.command("doctor")
@common
def command(cli: Cli) -> int:
    r"""Check that everything needed is here, and say how to get what is not.

    \b
    Example:
      retinue doctor
    """
    findings = [finding for check in _CHECKS for finding in check(cli)]
    for finding in findings:
        if cli.as_json:
            json_line(finding)
        else:
            show_finding(finding, color=cli.color)
    return Exit.FAILED if any(f.state == "fail" for f in findings) else Exit.OK


def show_finding(finding: Finding, *, color: bool) -> None:
    """A finding and, below it, its remedy."""
    state = painted(f"{finding.state:<5}", _STYLES[finding.state], color=color)
    click.echo(f"{state} {finding.check:<14} {one_line(finding.found)}")
    if finding.remedy:
        click.echo(f"{'':6}{'':14} → {one_line(finding.remedy)}")


def _config(cli: Cli) -> Iterator[Finding]:
    try:
        _, origins = cli.settings()
    except RetinueError as error:
        yield Finding("settings", "fail", str(error), "correct it; `retinue config show` lists all")
        return
    said = ", ".join(sorted(set(origins.values()))) or "defaults only"
    yield Finding("settings", "ok", said)


def _redis(cli: Cli) -> Iterator[Finding]:
    try:
        config = cli.config
    except RetinueError:
        return  # _config says why
    yield from checks.redis(config)


def _folder(cli: Cli) -> Iterator[Finding]:
    if cli.remote is not None:
        return
    try:
        path = cli.folder.path
    except RetinueError:
        return
    yield from checks.folder(path)


def _journal(cli: Cli) -> Iterator[Finding]:
    if cli.remote is not None:
        return
    try:
        view = view_of(cli)
    except NotFound:
        return  # no kernel has written here yet
    except RetinueError as error:
        yield Finding("journal", "fail", str(error), "see `retinue verify`")
        return
    yield from checks.journal(view)


def _walls(cli: Cli) -> Iterator[Finding]:
    try:
        config, origins = cli.settings()
    except RetinueError:
        return
    wanted = any(name.startswith("sandbox") for name in origins)
    yield from walls(config.sandbox, wanted=wanted)


def _daemon(cli: Cli) -> Iterator[Finding]:
    if cli.remote is not None:
        yield _elsewhere(cli, cli.remote.url)
        return
    try:
        folder = cli.folder
    except RetinueError:
        return
    try:
        view = cli.client.get("/v1/status", StatusView)
    except Unavailable:
        left = folder.socket.exists() and not is_answered(folder.socket)
        said = "not running; one that was killed left its socket" if left else "not running"
        yield Finding("daemon", "note", said, "start one with `retinue run`")
    except (RetinueError, OSError) as error:
        yield Finding("daemon", "fail", str(error), f"see its log; it has pid {folder.pid()}")
    else:
        yield Finding("daemon", "ok", f"{view.name} {view.state}, pid {view.pid}")
        yield from checks.mirror(view.bus)


def _elsewhere(cli: Cli, url: str) -> Finding:
    try:
        view = cli.client.get("/v1/status", StatusView)
    except (RetinueError, OSError) as error:
        remedy = "see --url, --token-file and --ca, and the daemon's log on its machine"
        return Finding("daemon", "fail", str(error), remedy)
    return Finding("daemon", "ok", f"{view.name} {view.state} at {url}, version {view.version}")


_CHECKS: tuple[Callable[[Cli], Iterator[Finding]], ...] = (
    lambda _: checks.python(),
    lambda _: checks.extras(),
    _config,
    _redis,
    lambda _: checks.model(),
    _folder,
    _journal,
    _walls,
    _daemon,
)
