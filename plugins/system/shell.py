"""``shell``: one command at a time, behind the strictest walls, each approved by a person."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..plugin import Plugin
from ..tools import Tool, ToolContext
from .settings import read_settings

__all__ = ["Settings", "plugin"]

LONGEST = 3600.0
"""Seconds that a call may take, most of which a person may think."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``read`` and ``write`` are folders that commands see beside the system's programs.

    ``seconds`` is how long a command may run, ``output`` how many bytes of what it says are kept.
    """

    read: list[str] = []
    write: list[str] = []
    seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0
    output: Annotated[int, Meta(ge=0, le=1 << 20)] = 64 * 1024


class _Shell:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self, ctx: ToolContext, argv: list[str], stdin: str = "") -> dict[str, Any]:
        """Run a program with arguments, once a person has approved it: its status and output.

        No shell reads it: there are no pipes, globs or variables. It has no network.

        Args:
            ctx: asks the host
            argv: the program of /usr/bin, then its arguments
            stdin: what it reads
        """
        given = await ctx.host.ask(
            "process.run",
            {
                "argv": argv,
                "stdin": stdin,
                "seconds": self._settings.seconds,
                "output": self._settings.output,
            },
        )
        return {
            "status": given["status"],
            "stdout": _text(given["stdout"]),
            "stderr": _text(given["stderr"]),
            "cut": given["cut"],
            "late": given["late"],
        }


def plugin(settings: Mapping[str, Any]) -> Plugin:
    """The plugin."""
    read = read_settings(settings, Settings, "shell")
    return Plugin(
        "shell",
        "1.0",
        tools=[Tool(_Shell(read).run, effect="once", timeout=LONGEST)],
        description="Runs a command that a person has approved",
        permissions={"processes": True, "read": read.read, "write": read.write},
    )


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace")
