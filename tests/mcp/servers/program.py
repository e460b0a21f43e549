"""A program as a plugin: one JSON object a line. Its argument says what it does wrong, if anything."""

from __future__ import annotations

import json
import mmap
import os
import sys
import threading
from pathlib import Path

MODE = sys.argv[1]


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def count(call, args):
    for number in range(1, args["upto"] + 1):
        say(progress=call, done=number, total=args["upto"], note=f"number {number}")
        say(stream=call, value={"number": number})
    say(result=call, value=args["upto"])


def look(call, args):
    say(result=call, value={"environment": sorted(os.environ), "folder": str(Path.cwd())})


def fill(call, args):
    try:
        kept = bytearray(256 << 20)
        say(result=call, value=len(kept))
    except MemoryError:
        say(error=call, message="no more memory")


def share(call, args):
    try:
        kept = mmap.mmap(-1, 1 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        say(result=call, value=len(kept))
    except PermissionError:
        say(error=call, message="nothing to share")


def zero(call, args):
    try:
        Path("/dev/zero").open("rb").close()
        say(result=call, value=0)
    except PermissionError:
        say(error=call, message="no zeros")


TOOLS = {
    "fill": fill,
    "share": share,
    "zero": zero,
    "count": count,
    "look": look,
    "fail": lambda call, args: say(error=call, message="as it was meant to\n\x1b[2J"),
    "wait": lambda call, args: say(progress=call, done=1),
    "hang": lambda call, args: threading.Event().wait(),
    "stray": lambda call, args: print("hello", flush=True),
    "foreign": lambda call, args: say(result=call + 1, value=None),
    "again": lambda call, args: say(ready=True),
    "two": lambda call, args: say(result=call, error=call),
}

if MODE == "early":
    say(result=1, value=None)
elif MODE != "silent":
    say(ready=True)
for line in sys.stdin:
    told = json.loads(line)
    if "call" in told:
        TOOLS[told["tool"]](told["call"], told["args"])
    else:
        say(error=told["cancel"], message="it was cancelled")
