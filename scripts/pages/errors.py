"""``reference/errors.md``, from ``retinue.bus.errors`` and the command line's exit codes."""

from __future__ import annotations

from text import prose, table

from retinue.bus import errors
from retinue.kernel.cli.exits import Exit, exit_code

_HEAD = """\
# Errors

<!-- Written by scripts/docs from bus/errors.py. Change the code, then run scripts/docs. -->

Every error that Retinue raises on purpose is a `RetinueError`. All of them are in `retinue.bus.errors`.
An error's message is one line. It names the thing, the rule and the remedy.
Each entry also says when you do not get the error.

The command line prints the message on stderr and ends with the exit code that is given here.

{errors}

## Exit codes

{codes}
"""

_MEANING = {
    Exit.OK: "All went well.",
    Exit.FAILED: "The command worked, but the task or check failed or was cancelled.",
    Exit.USAGE: "The command line is wrong: an unknown option, a missing argument.",
    Exit.DATA: "A value is wrong: malformed JSON, a priority out of range, bad input for an agent. "
    "Or the journal is damaged, or does not add up.",
    Exit.NO_INPUT: "There is no such file, agent, task, run, tool or progression.",
    Exit.UNAVAILABLE: "Something is not here: no daemon runs, an extra or a server is missing.",
    Exit.SOFTWARE: "An error of Retinue itself.",
    Exit.CANNOT_CREATE: "A file or socket cannot be made or reached.",
    Exit.IO: "The journal's file cannot be read or written.",
    Exit.TEMPORARY: "Try again: the answer did not come in time, or the state folder is in use.",
    Exit.NO_PERMISSION: "The system does not allow it.",
    Exit.CONFIG: "A configuration key or value is wrong.",
}


def page() -> str:
    """The whole page."""
    kinds = [getattr(errors, name) for name in errors.__all__]
    codes = [(str(code.value), _MEANING[code]) for code in sorted(Exit)]
    return _HEAD.format(
        errors="\n\n".join(map(_entry, kinds)), codes=table(["exit code", "meaning"], codes)
    )


def _entry(kind: type[Exception]) -> str:
    code = exit_code(kind.__new__(kind))
    lines = [f"## {kind.__name__}", f"`{kind.__name__}`: {prose(kind.__doc__)}"]
    parents = [parent.__name__ for parent in kind.__bases__ if parent is not Exception]
    if parents:
        lines.append(
            f"It is a {' and a '.join(f'`{p}`' for p in parents)}. Exit code {code.value}."
        )
    return "\n\n".join(lines)
