"""Starts plugins and says their pids: the process that a test kills. ``FOLDER COUNT LEVEL...``"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from retinue.plugins.attacks.den import Den
from retinue.plugins.sandbox.levels import missing
from retinue.plugins.sandbox.probe import probe


async def main(folder: Path, count: int, levels: list[str]) -> None:
    given = probe()
    levels = [level for level in levels if not missing(level, given)]
    dens = [Den(folder / level, given, level) for level in levels]
    started = []
    for number in range(count):
        den = dens[number % len(dens)]
        den.folder.mkdir(exist_ok=True)
        admitted = den.admitted()
        started.append(den.hosted(admitted, den.plan(admitted)))
    await asyncio.gather(*(plugin.start() for plugin in started))
    spawned = [pid for den in dens for pid in den.spawned]
    print(json.dumps({"pid": os.getpid(), "plugins": spawned, "levels": levels}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
