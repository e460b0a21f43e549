"""What was granted is the process's to use, although it has a uid of its own, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from retinue.bus.errors import RetinueError
from retinue.plugins.manifest.model import Permissions
from retinue.plugins.sandbox import ownership
from retinue.plugins.tools import ToolContext

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.hangs import Plugins

SOMEBODY = 12345


@pytest.fixture(params=["strict", "standard"])
def den(request, at_level, tmp_path, given):
    at_level(request.param)  # skips where there is none
    made = Plugins(tmp_path / "den", given, request.param)
    (tmp_path / "den").mkdir()
    yield made
    made.close()


@pytest.fixture(params=["/tmp", "/var/tmp"])
def folder(request):
    """Nobody's but the owner's: beneath ``/tmp``, which is covered, and elsewhere."""
    made = Path(tempfile.mkdtemp(dir=request.param))
    for name in ("granted", "private"):
        (made / name).mkdir(mode=0o700)
        (made / name / "mine").write_text("old")
        (made / name / "mine").chmod(0o600)
    yield made
    shutil.rmtree(made)


def called(den, permissions, tool, **given):
    """What a tool says, or how it fails."""

    async def work():
        admitted = den.admitted()
        plugin = den.hosted(admitted, den.plan(admitted, permissions), permissions)
        async with asyncio.timeout(20):
            await plugin.start()
            try:
                return await plugin.call(tool, given, ToolContext())
            except RetinueError as error:
                return str(error)
            finally:
                await plugin.stop(0.0)

    return asyncio.run(work())


def test_a_granted_folder_is_written_and_what_is_made_belongs_to_its_owner(den, folder):
    granted = folder / "granted"
    done = called(den, Permissions(write=(str(granted),)), "rewrite", folder=str(granted))
    assert done == ["old", "mine", "renamed"]
    assert (granted / "mine").read_text() == "new"
    assert {path.stat().st_uid for path in granted.iterdir()} == {os.geteuid()}


def test_a_folder_that_is_another_users_is_his_afterwards_too(den, folder, missing):
    if os.geteuid() != 0:
        missing("root", "run the tests as root")
    granted = folder / "granted"
    for path in (folder, granted, granted / "mine"):
        os.chown(path, SOMEBODY, SOMEBODY)
    done = called(den, Permissions(write=(str(granted),)), "rewrite", folder=str(granted))
    assert done == ["old", "mine", "renamed"]
    assert {path.stat().st_uid for path in granted.iterdir()} == {SOMEBODY}


def test_a_folder_granted_for_reading_is_read_and_stays_as_it_is(den, folder):
    granted = folder / "granted"
    permissions = Permissions(read=(str(granted),))
    assert called(den, permissions, "read", path=str(granted / "mine")) == "old"
    assert "Read-only" in called(den, permissions, "rewrite", folder=str(granted))
    assert (granted / "mine").read_text() == "old"


def test_a_folder_within_a_granted_one_keeps_its_own_rule(den, folder):
    inner = folder / "granted/inner"
    inner.mkdir(mode=0o700)
    (inner / "mine").write_text("old")
    permissions = Permissions(read=(str(folder / "granted"),), write=(str(inner),))
    assert called(den, permissions, "rewrite", folder=str(inner)) == ["old", "mine", "renamed"]
    assert "Read-only" in called(den, permissions, "rewrite", folder=str(folder / "granted"))


def test_what_lies_beside_a_granted_folder_is_nobodys(den, folder):
    permissions = Permissions(read=(str(folder / "granted"),), write=(str(folder / "granted"),))
    for path in (folder / "private/mine", folder / "granted/../private/mine"):
        said = called(den, permissions, "read", path=str(path))
        assert "No such file" in said or "Permission denied" in said


def test_a_host_without_user_namespaces_lends_nothing(monkeypatch, tmp_path, missing):
    if os.geteuid() != 0:
        missing("root", "run the tests as root")

    def refused(*_):
        raise OSError("a user namespace cannot be made")

    monkeypatch.setattr(ownership, "_user_namespace", refused)
    source = os.open(tmp_path, os.O_PATH)
    assert not ownership.lent(source, str(tmp_path), SOMEBODY)
    os.close(source)
