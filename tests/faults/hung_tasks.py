"""Tasks whose plugin hangs, in each of seven ways: tried again, and answered or a dead letter."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from retinue.bus.errors import TaskFailed
from retinue.kernel import Kernel
from retinue.plugins import agent

from .hangs import GUESTS, KINDS

WAIT = 120.0
HANG_SECONDS = 0.3
MANIFEST = 'name = "{name}"\nversion = "1.0.0"\nentry = "guests"\n'


@agent(tools=["*"])
async def stubborn(ctx, plugin: str, kind: str, hangs: int) -> str:
    """Calls what hangs in so many of its attempts, and what answers in those that follow."""
    if ctx.attempt <= hangs:
        await ctx.call(f"{plugin}.{kind}")
    return await ctx.call(f"{plugin}.echo", value=kind)


def run(folder, times):
    """Have each kind hang so often in each way; raises ``AssertionError`` for a task that is lost."""
    counts: Counter[str] = Counter()
    folders = {kind: written(Path(folder), kind) for kind in KINDS}
    for _ in range(times):  # a kernel each: five hangs in a minute open a tool's circuit
        with Kernel("hung") as kernel:
            plugins = {kind: loaded(kernel, source) for kind, source in folders.items()}
            kernel.spawn("stubborn", stubborn)
            counts += retried(kernel, plugins)
            counts += given_up(kernel, plugins)
    return counts


def written(folder, kind):
    """The folder of a plugin for each kind, so that one that is slow to end holds up no other."""
    source = folder / kind.replace("_", "-")
    source.mkdir()
    code = GUESTS.read_text()
    for way in ("def", "async def"):
        code = code.replace(f"@tool\n{way} hang", f"@tool(timeout={HANG_SECONDS})\n{way} hang")
    (source / "guests.py").write_text(code)
    (source / "plugin.toml").write_text(MANIFEST.format(name=source.name))
    return source


def loaded(kernel, source):
    """Its name, once it runs."""
    kernel.load_plugin(source, approve=kernel.propose_plugin(source).digest)
    return source.name


def retried(kernel, plugins):
    """It hangs in the first attempt: the second finds another process, and is answered."""
    handles = submitted(kernel, plugins, hangs=1, attempts=2)
    for kind, handle in handles.items():
        answer = handle.result(timeout=WAIT)
        if answer != kind:
            raise AssertionError(f"{kind}: the second attempt gave {answer!r}")
    return Counter(hangs=len(handles), answered=len(handles))


def given_up(kernel, plugins):
    """It hangs in the only attempt: the task is a dead letter that says so."""
    handles = submitted(kernel, plugins, hangs=1, attempts=1)
    for kind, handle in handles.items():
        try:
            handle.result(timeout=WAIT)
        except TaskFailed:
            letter = kernel.letters.open(handle.id).letter
        else:
            raise AssertionError(f"{kind}: a task without another attempt was answered")
        if (letter.kind, letter.dealt) != ("task", "") or "DeadlineExceeded" not in letter.reason:
            raise AssertionError(f"{kind}: its dead letter is {letter!r}")
    return Counter(hangs=len(handles), dead=len(handles))


def submitted(kernel, plugins, *, hangs, attempts):
    """A task for each kind, all at once."""
    return {
        kind: kernel.submit(
            "stubborn", {"plugin": name, "kind": kind, "hangs": hangs}, attempts=attempts
        )
        for kind, name in plugins.items()
    }
