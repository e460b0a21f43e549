"""``retinue completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    r"""Print a script that completes commands in your shell.

    \b
    Examples:
      eval "$(retinue completion bash)"
      retinue completion fish > ~/.config/fish/completions/retinue.fish
    """
    made = get_completion_class(shell)
    if made is None:  # click.Choice has let through no other
        raise click.UsageError(f"no completion for {shell}")
    click.echo(made(ctx.find_root().command, {}, "retinue", "_RETINUE_COMPLETE").source())
