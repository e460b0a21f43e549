"""``reference/command-line.md``, from the commands themselves."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import click
from text import table

# By name: the package has a function `main`, which hides the module.
cli = importlib.import_module("retinue.kernel.cli.main")

_HEAD = """\
# Command line

<!-- Written by scripts/docs from kernel/cli. Change the code, then run scripts/docs. -->

`retinue` runs a daemon and steers it. Every command explains itself with `--help`.

Every command that speaks to a daemon takes `--state-dir DIR`, which says whose daemon is meant, or
`--url URL` with `--token-file FILE` and `--ca FILE`, for
[one elsewhere](../how-to/use-the-api.md#from-another-machine). `RETINUE_URL`, `RETINUE_TOKEN` and
`RETINUE_CA` say the same in the environment. A token is no argument: those of a process are seen by others.
With `--json` a command answers in JSON, one object a line. Errors are one line on stderr.
The exit code says what went wrong: see [Errors](errors.md#exit-codes).
Output is coloured on a terminal only, and not at all when `NO_COLOR` is set.

{commands}
"""
_COMMON = {"as_json", "config", "state_dir", "help", "url", "token_file", "ca"}


def page() -> str:
    """The whole page."""
    root = cli._retinue  # noqa: SLF001  # the page is about it
    return _HEAD.format(
        commands="\n\n".join(_group(root, click.Context(root, info_name="retinue")))
    )


def _group(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = _command(group, context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield _entry(command, inner)
        if isinstance(command, click.Group):
            yield from _group(command, inner)


def _command(group: click.Group, context: click.Context, name: str) -> click.Command | None:
    try:
        command = group.get_command(context, name)
    except ModuleNotFoundError:
        return None
    return None if command is None or command.hidden else command


def _entry(command: click.Command, context: click.Context) -> str:
    depth = "##" if context.parent and context.parent.parent is None else "###"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    said, examples = _help(command)
    parts = [f"{depth} {context.command_path}", f"```text\n{usage}\n```", said]
    if examples:
        parts.append(f"```text\n{examples}\n```")
    rows = [_option(p, context) for p in command.params if p.name not in _COMMON]
    if rows := [row for row in rows if row]:
        parts.append(table(["option", "meaning"], rows))
    return "\n\n".join(parts)


def _help(command: click.Command) -> tuple[str, str]:
    """What the command says of itself, and its examples."""
    text = inspect.cleandoc(command.help or "").replace("\\b", "\b")
    said, _, rest = text.partition("\n\n\b\n")
    lines = [line for line in rest.splitlines() if not line.startswith("Example")]
    return " ".join(said.split()), inspect.cleandoc("\n".join(lines))


def _option(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    return (f"`{record[0]}`", " ".join(record[1].split())) if record else None
