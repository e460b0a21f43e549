"""``retinue plugins check``: what loading a folder would find, without a daemon."""

from __future__ import annotations

import ast
import getpass
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.bus.errors import PluginError, RetinueError

from ..text import size
from .doctor import Finding, show_finding
from .exits import Exit
from .options import Cli, local
from .output import json_line
from .plugins_load import folder

if TYPE_CHECKING:
    from retinue.plugins.manifest import Admitted

__all__ = ["command"]


@click.command("check")
@folder
@click.option("--run", is_flag=True, help="Start it as well, behind its walls, and list its tools.")
@click.option("--digest", "only_digest", is_flag=True, help="Print its content's digest alone.")
@local
def command(cli: Cli, path: Path, *, run: bool, only_digest: bool) -> int:
    r"""Check a plugin's folder: manifest, files, what it asks for, and its walls on this machine.

    No daemon is needed, and nothing of the plugin runs unless you say --run.

    \b
    Examples:
      retinue plugins check ./weather
      retinue plugins check ./weather --run
    """
    with tempfile.TemporaryDirectory(prefix="retinue-check-") as store:
        try:
            if only_digest:
                click.echo(_admitted(path, Path(store)).digest)
                return Exit.OK
            failed = False
            for finding in _findings(cli, path, Path(store), run=run):
                json_line(finding) if cli.as_json else show_finding(finding, color=cli.color)
                failed = failed or finding.state == "fail"
        finally:
            _open_up(Path(store))
    return Exit.FAILED if failed else Exit.OK


def _findings(cli: Cli, path: Path, store: Path, *, run: bool) -> Iterator[Finding]:
    try:
        admitted = _admitted(path, store)
    except PluginError as error:
        yield Finding("content", "fail", str(error))
        return
    yield from _content(admitted)
    yield from _entry(admitted)
    yield from _permissions(admitted)
    level = _level(cli, admitted)
    yield level
    if run and level.state != "fail":
        yield from _started(cli, path, admitted)


def _admitted(path: Path, store: Path) -> Admitted:
    from retinue.plugins.manifest import admit

    return admit(path, store)


def _content(admitted: Admitted) -> Iterator[Finding]:
    manifest = admitted.manifest
    said = f"{manifest.name} {manifest.version}, runtime {manifest.runtime}"
    yield Finding("manifest", "ok", said)
    files = [file for file in Path(admitted.folder).rglob("*") if file.is_file()]
    total = size(sum(file.stat().st_size for file in files))
    many = f"{len(files)} files" if len(files) != 1 else "1 file"
    yield Finding("content", "ok", f"{many}, {total}, sha256 {admitted.digest}")


def _entry(admitted: Admitted) -> Iterator[Finding]:
    """Whether what starts is there, and can be read as Python where it has to be."""
    manifest, root = admitted.manifest, Path(admitted.folder)
    if manifest.runtime in ("exec", "mcp"):
        yield Finding("command", "ok", " ".join(manifest.command))
        return
    module = manifest.entry.partition(":")[0].replace(".", "/")
    names = [manifest.entry] if manifest.runtime == "wasm" else _files_of(module)
    found = next((root / name for name in names if (root / name).is_file()), None)
    if found is None:
        if manifest.entry.startswith("retinue."):
            yield Finding("entry", "ok", f"{manifest.entry}, which comes with Retinue")
            return
        rule = f"{manifest.entry!r} names no file of the plugin's"
        yield Finding("entry", "fail", rule, f"add {' or '.join(names)}, or correct entry")
        return
    if found.suffix == ".py":
        try:
            ast.parse(found.read_bytes())
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", 0)
            yield Finding("entry", "fail", f"{found.name}:{line}: {error}", "correct it")
            return
    yield Finding("entry", "ok", f"{manifest.entry}, in {found.relative_to(root)}")


def _files_of(module: str) -> list[str]:
    return [f"{module}.py", f"{module}/__init__.py"]


def _permissions(admitted: Admitted) -> Iterator[Finding]:
    from retinue.plugins.manifest.grants import checked, describe

    manifest = admitted.manifest
    try:
        asks = describe(checked(manifest.permissions, manifest.name))
    except PluginError as error:
        yield Finding("permissions", "fail", str(error))
        return
    for ask in asks:
        yield Finding("permissions", "note", f"it asks to {ask}")
    if not asks:
        yield Finding("permissions", "ok", "it asks for nothing beyond computing")


def _level(cli: Cli, admitted: Admitted) -> Finding:
    """How it would be walled in here; fails where loading would."""
    from retinue.plugins.hosting.starting import level_for
    from retinue.plugins.sandbox.levels import LAYERS, missing
    from retinue.plugins.sandbox.probe import probe

    sandbox, manifest = cli.config.sandbox, admitted.manifest
    trusted = manifest.name in sandbox.trusted
    try:
        given = probe(sandbox.bwrap)
        level = level_for(manifest, sandbox.level, sandbox.minimum, trusted=trusted, given=given)
    except PluginError as error:
        return Finding("walls", "fail", str(error))
    lacking = missing(level, given)
    if lacking:
        found = "; ".join(f"{name}: {layer.detail}" for name, layer in lacking)
        remedy = "; ".join(layer.remedy for _, layer in lacking if layer.remedy)
        return Finding("walls", "fail", f"level {level} cannot be had here: {found}", remedy)
    layers = ", ".join(LAYERS[level]) or "bounds of memory and time only"
    return Finding("walls", "ok", f"level {level}: {layers}")


def _started(cli: Cli, path: Path, admitted: Admitted) -> Iterator[Finding]:
    """Started once, with all that it asks for, in a kernel that ends with this command."""
    from ..config import Config
    from ..kernel import Kernel

    name = admitted.manifest.name
    own = {key: value for key, value in cli.config.plugins.items() if key == name}
    config = Config(name="check", sandbox=cli.config.sandbox, plugins=own)
    try:
        with Kernel(config=config) as kernel:
            kernel.load_plugin(path, admitted.digest, getpass.getuser())
            view = next(view for view in kernel.plugins() if view.name == name)
    except (RetinueError, OSError) as error:
        yield Finding("start", "fail", str(error))
        return
    yield Finding("start", "ok", f"it runs at level {view.level}")
    for tool, about in view.tools.items():
        yield Finding("tool", "ok", f"{tool}: {about['description'] or 'no description'}")
    for agent in view.agents:
        yield Finding("agent", "ok", agent)
    if not view.tools and not view.agents:
        yield Finding("tool", "note", "it offers nothing", "write @tool above a function")


def _open_up(store: Path) -> None:
    """What was taken in is read-only; it is to be removed."""
    for found in store.rglob("*"):
        if found.is_dir():
            found.chmod(0o700)
