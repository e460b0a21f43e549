"""Seven kinds of hang of a plugin: each call ends at its deadline, and its process soon after."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from pathlib import Path

from retinue.bus.errors import DeadlineExceeded
from retinue.plugins.attacks.den import Den
from retinue.plugins.manifest.admission import admit
from retinue.plugins.manifest.model import Limits
from retinue.plugins.sandbox.levels import missing
from retinue.plugins.sandbox.probe import probe
from retinue.plugins.tools import ToolContext

GUESTS = Path(__file__).parents[1] / "hosting/guests.py"
KINDS = (
    "hang_in_a_thread",
    "hang_on_the_loop",
    "hang_in_c",
    "hang_through_cancels",
    "hang_with_signals_blocked",
    "hang_in_a_system_call",
    "hang_flooding",
)
DEADLINE = 0.15


class Plugins(Den):
    """Starts ``guests.py`` in place of a hostile plugin."""

    def admitted(self, name="guests"):
        source = self.folder / name
        if not source.exists():
            source.mkdir()
            shutil.copy(GUESTS, source / "guests.py")
            manifest = f'name = "{name}"\nversion = "1.0.0"\nentry = "guests"\n'
            (source / "plugin.toml").write_text(manifest)
        return admit(source, self.folder / "store")

    def plugin(self, **limits):
        """A plugin that is not started."""
        admitted, bounds = self.admitted(), Limits(**limits)
        return self.hosted(admitted, self.plan(admitted, limits=bounds), limits=bounds)

    def close(self):
        """End all, and let what was taken in be removed."""
        super().close()
        for folder in [p for p in self.folder.rglob("*") if p.is_dir()]:
            folder.chmod(0o700)


def possible():
    """Whether this host gives what plugins need."""
    return not missing("standard", probe())


def run(folder, kind, times, over):
    """Hang so often; ``over`` gets the seconds beyond each deadline until the process was gone."""
    plugins = Plugins(folder, probe(), "standard")
    try:
        over += asyncio.run(_several(plugins, kind, times))
    finally:
        plugins.close()
    return Counter(hangs=times)


async def _several(plugins, kind, times):
    return [await hang(plugins, kind) for _ in range(times)]


async def hang(plugins, kind):
    """Hang once; the seconds beyond the deadline until nothing was left of the process."""
    plugin = plugins.plugin(call_seconds=DEADLINE)
    await plugin.start()
    process = plugin.process
    pid = process.confined.pid
    began = time.monotonic()
    try:
        await plugin.call(kind, {}, ToolContext())
    except DeadlineExceeded:
        await process.gone
    else:
        raise AssertionError(f"{kind} came back")
    over = time.monotonic() - began - DEADLINE
    await plugin.stop(0.0)
    if exists(pid):
        raise AssertionError(f"{kind}: process {pid} survived")
    return over


def exists(pid):
    """Whether there is such a process, dead or alive."""
    return Path(f"/proc/{pid}").exists()
