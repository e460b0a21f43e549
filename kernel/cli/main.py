"""``retinue`` itself: its commands, and one line on stderr for whatever goes wrong."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from retinue.bus.errors import RetinueError

from ..text import one_line
from .exits import Exit, exit_code

__all__ = ["main"]

_COMMANDS = {
    "run": "Run a daemon in the foreground.",
    "status": "Show the kernel at a glance.",
    "top": "Watch agents and tasks live.",
    "doctor": "Check that everything needed is here, and say how to get it.",
    "stop": "Stop the daemon, letting running tasks end.",
    "demo": "Answer a question about a folder of documents, with a team of agents.",
    "submit": "Give an agent something to do.",
    "tasks": "List, show, cancel and retry tasks.",
    "runs": "List, show and cancel runs.",
    "console": "Open the web console, signed in.",
    "tokens": "Make, list and revoke tokens for the API over TCP.",
    "agents": "List, spawn, show and stop agents.",
    "plugins": "Make, check, load and show plugins, and call their tools.",
    "mcp": "Offer tools and agents to clients of the Model Context Protocol.",
    "tail": "Follow the events.",
    "log": "List the journal's events.",
    "why": "Explain why a task, a run or an event is as it is.",
    "replay": "Run a recorded run again, and name the first event that comes out otherwise.",
    "diff": "Compare two runs, event by event.",
    "fork": "Start a new run from where another one was.",
    "audit": "Add up what was begun and what became of it.",
    "verify": "Check the journal against its hash chain.",
    "journal": "Show what the journal keeps, trim it, and register its readers.",
    "approvals": "List, show, grant and deny what waits for approval.",
    "policy": "Check rules, explain what they say, and try them on what happened.",
    "dead": "List, show, redrive and purge what found no reader.",
    "elements": "Keep, list and show elements.",
    "progressions": "Keep orders of elements.",
    "schema": "Describe the events, for programs that read them.",
    "redis": "Print the users that a Redis server has to know.",
    "config": "Show the settings, and where they come from.",
    "completion": "Print a script that completes commands in your shell.",
}


def _version(ctx: click.Context, _option: Any, wanted: bool) -> None:  # noqa: FBT001  click's order
    if wanted:
        from importlib.metadata import version

        click.echo(f"retinue {version('retinue')}")
        ctx.exit()


class _Lazy(click.Group):
    """Knows its commands by name; ``retinue --help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f".{cmd_name}", __package__)
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would call it a failure
            raise click.exceptions.Exit(_reader_gone()) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{_near(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command explains itself: retinue COMMAND --help",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version)
def _retinue() -> None:
    """Run teams of agents, watch what they do, and steer them."""


def main(args: Sequence[str] | None = None) -> None:
    """The entry point: runs the command and exits with its code, see ``exits.Exit``."""
    code = _run(list(sys.argv[1:] if args is None else args))
    sys.exit(_flush(code))


def _run(args: list[str]) -> int:
    try:
        result = _retinue.main(args, prog_name="retinue", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except click.UsageError as error:
        return _refused(_usage(error), Exit.USAGE)
    except click.ClickException as error:
        return _refused(error.format_message(), Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _refused("interrupted", 130)
    except (RetinueError, OSError) as error:
        return _refused(str(error), exit_code(error))
    except Exception:  # noqa: BLE001  a bug of ours: its traceback is what a report needs
        traceback.print_exc()
        return Exit.SOFTWARE
    return result if isinstance(result, int) else Exit.OK


def _refused(message: str, code: int) -> int:
    click.echo(f"retinue: {one_line(message)}", err=True)
    return code


def _usage(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "retinue"
    return f"{error.format_message().rstrip('.')}; see `{path} --help`"


def _near(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, _COMMANDS, n=1)
    return f", but there is {near[0]!r}" if near else ""


def _flush(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_gone()
    return code


def _reader_gone() -> int:
    """The reader, ``head`` say, has seen enough: end as a signal would have ended us."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE
