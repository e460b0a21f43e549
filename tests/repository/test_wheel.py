"""What installs is what is in the tree: a package missing from setup.cfg is missing only there."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def wheel(root: Path, rooms: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy: a build in place would leave, and reuse, ``build/lib``."""
    source = tmp_path_factory.mktemp("source")
    for room in rooms:
        shutil.copytree(root / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "LICENSE"):
        shutil.copy(root / name, source)
    (source / "README.md").write_text("Retinue\n")
    _pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", source / "dist", source)
    return next((source / "dist").glob("retinue-*.whl"))


def test_setup_cfg_lists_every_folder_of_python_files_as_a_package(root, rooms):
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg")
    listed = config["options"]["packages"].split()
    assert listed == sorted(listed)
    assert set(listed) == {
        "retinue." + ".".join(path.parent.relative_to(root).parts)
        for room in rooms
        for path in (root / room).rglob("*.py")
    }


def test_every_package_has_an_init_file(root, rooms):
    folders = {path.parent for room in rooms for path in (root / room).rglob("*.py")}
    assert [str(f.relative_to(root)) for f in folders if not (f / "__init__.py").is_file()] == []


def test_the_wheel_carries_every_file_of_the_rooms_and_nothing_else(wheel, root, rooms):
    in_tree = {
        "retinue/" + path.relative_to(root).as_posix()
        for room in rooms
        for path in (root / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == in_tree


def test_every_room_of_the_wheel_imports_from_where_it_was_installed(wheel, rooms, tmp_path):
    target = tmp_path / "site"
    _pip("install", "--no-deps", "--target", target, wheel)
    program = f"""
import sys
sys.path.insert(0, {str(target)!r})
sys.meta_path = [finder for finder in sys.meta_path if "ditable" not in repr(finder)]
import importlib
for room in {rooms!r}:
    print(importlib.import_module("retinue." + room).__file__)
"""
    printed = _python("-c", program, cwd=tmp_path).splitlines()
    assert printed == [str(target / "retinue" / room / "__init__.py") for room in rooms]


def test_the_rooms_do_not_show_up_outside_their_namespace(rooms, tmp_path):
    program = f"""
import importlib.util, retinue
print([room for room in {rooms!r} if importlib.util.find_spec(room)], retinue.__file__)
"""
    assert _python("-P", "-c", program, cwd=tmp_path) == "[] None\n"


def test_the_entry_points_lead_to_something(root):
    from importlib.metadata import distribution

    points = distribution("retinue").entry_points
    assert {p.name for p in points if p.group == "retinue.plugins"} >= {"clock", "echo", "files"}
    for point in points:
        assert point.load() is not None


def _pip(*arguments) -> None:
    _python("-m", "pip", "--disable-pip-version-check", *map(str, arguments), cwd=None)


def _python(*arguments: str, cwd: Path | None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
