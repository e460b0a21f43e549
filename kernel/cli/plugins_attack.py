"""``retinue plugins attack``: every attack that is known, against this host's walls."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..text import one_line, painted
from .exits import Exit
from .options import Cli, local
from .output import json_line, note

if TYPE_CHECKING:
    from retinue.plugins.attacks.model import Outcome
    from retinue.plugins.attacks.suite import Result
    from retinue.plugins.manifest.model import Level, Limits, Permissions

__all__ = ["command"]

_LEVELS = ("strict", "standard", "baseline")


@click.command("attack")
@click.argument(
    "path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--level", type=click.Choice(_LEVELS), help="Walls to attack.  [[sandbox] level]")
@click.option("--all", "show_all", is_flag=True, help="Show what was refused, too.")
@local
def command(cli: Cli, path: Path | None, *, level: str | None, show_all: bool) -> int:
    r"""Attack this host's walls with hostile plugins, and say what was refused and who noticed.

    With PATH the attackers get what that plugin asks for: as if it had been taken over. What its
    permissions allow is then no attack. No daemon is needed; nothing of yours is touched.

    \b
    Examples:
      retinue plugins attack
      retinue plugins attack ./weather --level strict
    """
    result = _attacked(cli, path, level or cli.config.sandbox.level, show_all=show_all)
    if cli.as_json:
        json_line(
            {
                "level": result.level,
                "uid": os.geteuid(),
                "tried": len(result.outcomes),
                "refused": sum(o.refused for o in result.outcomes),
                "told": sum(bool(o.events) for o in result.outcomes),
                "ping_p50_ms": result.ping_p50,
                "ping_p99_ms": result.ping_p99,
            }
        )
    else:
        _table(cli, result)
    return Exit.OK if result.fine else Exit.FAILED


def _attacked(cli: Cli, path: Path | None, level: str, *, show_all: bool) -> Result:
    from retinue.plugins.attacks.suite import attack
    from retinue.plugins.sandbox.probe import probe

    def tell(outcome: Outcome) -> None:
        if cli.as_json:
            json_line(outcome)
        elif show_all or not outcome.fine:
            _show(cli, outcome)

    with _scratch() as folder:
        permissions, limits = _rights(path, folder)
        work = attack(
            folder,
            probe(cli.config.sandbox.bwrap),
            _level(level),
            permissions=permissions,
            limits=limits,
            tell=tell,
        )
        return asyncio.run(work)


def _rights(path: Path | None, folder: Path) -> tuple[Permissions, Limits]:
    from retinue.plugins.manifest import admit
    from retinue.plugins.manifest.grants import checked
    from retinue.plugins.manifest.model import Limits, Permissions

    if path is None:
        return Permissions(), Limits()
    manifest = admit(path, folder / "theirs").manifest
    return checked(manifest.permissions, manifest.name), manifest.limits


def _level(level: str) -> Level:
    from retinue.bus.errors import InvalidInput

    for known in _LEVELS:
        if level == known:
            return known  # type: ignore[return-value]
    raise InvalidInput(
        f"the level {level!r} promises no security: give --level {_LEVELS[-1]} or more"
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="retinue-attack-"))
    try:
        yield folder
    finally:
        for inner in (p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink()):
            inner.chmod(0o700)  # what was taken in may not be written
        shutil.rmtree(folder)


def _show(cli: Cli, outcome: Outcome) -> None:
    state, style = ("refused", "green") if outcome.fine else ("OPEN", "red")
    if outcome.refused and not outcome.fine:
        state = "untold"
    told = ", ".join(outcome.events) or f"silent: {outcome.attack.silent or 'nobody noticed'}"
    click.echo(
        f"{painted(f'{state:<8}', style, color=cli.color)}"
        f"{outcome.attack.family:<10} {outcome.attack.name:<40} {one_line(told)}"
    )
    if not outcome.refused:
        note(f"  {outcome.said}")


def _table(cli: Cli, result: Result) -> None:
    tried, refused, told = Counter[str](), Counter[str](), Counter[str]()
    for outcome in result.outcomes:
        for family in (outcome.attack.family, "all"):
            tried[family] += 1
            refused[family] += outcome.refused
            told[family] += bool(outcome.events)
    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    click.echo(painted(f"level {result.level}, as {who}", "dim", color=cli.color))
    click.echo(f"{'FAMILY':<12}{'TRIED':>7}{'REFUSED':>9}{'EVENTS':>8}{'SILENT':>8}")
    for family in [*sorted(set(tried) - {"all"}), "all"]:
        counts = (tried[family], refused[family], told[family], refused[family] - told[family])
        click.echo("{:<12}{:>7}{:>9}{:>8}{:>8}".format(family, *counts))
    click.echo(
        f"a neighbour answered meanwhile: p50 {result.ping_p50:.2f} ms, p99 {result.ping_p99:.2f} ms"
    )
