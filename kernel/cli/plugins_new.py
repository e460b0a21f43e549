"""``retinue plugins new``: a folder with a plugin that works, and its tests."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import click

from retinue.bus.errors import InvalidInput

from .options import Cli, local
from .output import json_line, note

__all__ = ["TEMPLATES", "command"]

TEMPLATES = {
    "tool": "tools in Python",
    "agent": "an agent in Python, and a tool of its own",
    "mcp": "an MCP server, in any language",
    "wasm": "a WebAssembly module",
}
_SUFFIX = ".txt"
"""After each file's name in the package, so that nothing takes a template for what it will be."""


@click.command("new")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="tool",
    help="; ".join(f"{name}: {what}" for name, what in TEMPLATES.items()) + ".  [tool]",
)
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder to make.  [./NAME]",
)
@local
def command(cli: Cli, name: str, template: str, into: Path | None) -> None:
    r"""Make a folder with a plugin that works as it is: manifest, code, tests and a README.

    \b
    Examples:
      retinue plugins new weather
      retinue plugins new weather --template mcp --into ~/plugins/weather
    """
    from retinue.plugins.plugin import check_plugin_name

    check_plugin_name(name)
    folder = (into or Path(name)).absolute()
    written = _written(folder, files(__package__) / "templates" / template, _words(name))
    if cli.as_json:
        json_line({"name": name, "template": template, "folder": str(folder), "files": written})
        return
    for path in written:
        click.echo(str((into or Path(name)) / path))
    place = into or Path(name)
    note(f"now: retinue plugins check {place} --run, then: retinue plugins load {place}")


def _words(name: str) -> dict[str, str]:
    """What stands for ``$name`` and ``$module``; the latter is no package that others may have."""
    return {"name": name, "module": f"{name.replace('-', '_')}_plugin"}


def _written(folder: Path, template: Traversable, words: dict[str, str]) -> list[str]:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise InvalidInput(
            f"{folder} is there already: give another name, or another folder with --into"
        ) from None
    written = []
    for path, source in sorted(_files(template)):
        place = folder / path.replace("module", words["module"])
        place.parent.mkdir(exist_ok=True)
        place.write_text(Template(source.read_text("utf-8")).substitute(words), "utf-8")
        written.append(str(place.relative_to(folder)))
    return written


def _files(folder: Traversable, before: str = "") -> list[tuple[str, Traversable]]:
    found = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _files(item, f"{before}{item.name}/")
        elif item.name.endswith(_SUFFIX):
            found.append((before + item.name.removesuffix(_SUFFIX), item))
    return found
