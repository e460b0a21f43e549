"""What is taken in is a copy, named by its content; what is hostile is refused, with nothing left."""

from __future__ import annotations

import pytest

from retinue.bus.errors import PluginError
from retinue.plugins.attacks.folders import FOLDERS
from retinue.plugins.manifest.admission import admit, copy_content, read_admitted
from retinue.plugins.manifest.grants import checked

GOOD = 'name = "mine"\nversion = "1.0.0"\nentry = "mine"\n'


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mine"
    (made / "inner").mkdir(parents=True)
    (made / "plugin.toml").write_text(GOOD)
    (made / "mine.py").write_text("x = 1\n")
    (made / "inner/data.txt").write_text("data")
    return made


@pytest.fixture
def store(tmp_path):
    yield tmp_path / "store"
    for found in (tmp_path / "store").rglob("*"):
        if found.is_dir():
            found.chmod(0o700)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_hostile_folder_is_refused_and_leaves_nothing(tmp_path, store, name):
    made = FOLDERS[name](tmp_path / "bad")
    with pytest.raises(PluginError):
        checked(admit(made, store).manifest.permissions, "bad")
    assert list(store.glob(".*")) == []


def test_what_runs_is_the_copy_whatever_becomes_of_the_folder(folder, store):
    taken = admit(folder, store)
    (folder / "mine.py").write_text("import os\n")
    (folder / "plugin.toml").unlink()
    assert (store / taken.digest / "mine.py").read_text() == "x = 1\n"
    assert read_admitted(store, taken.digest) == taken


def test_the_same_content_is_kept_once_and_other_content_elsewhere(folder, store):
    first = admit(folder, store)
    assert admit(folder, store) == first
    (folder / "mine.py").chmod(0o755)
    second = admit(folder, store)
    (folder / "inner/data.txt").rename(folder / "inner/data2.txt")
    third = admit(folder, store)
    assert len({first.digest, second.digest, third.digest}) == 3


def test_a_copy_that_was_changed_is_not_run(folder, store):
    taken = admit(folder, store)
    changed = store / taken.digest / "mine.py"
    changed.chmod(0o644)
    changed.write_text("import os\n")
    with pytest.raises(PluginError, match="were changed"):
        read_admitted(store, taken.digest)


@pytest.mark.parametrize("digest", ["", "..", "../../etc", "A" * 64, "0" * 64])
def test_a_digest_leads_nowhere_but_into_the_store(store, digest):
    store.mkdir()
    with pytest.raises(PluginError, match="gone from the store"):
        read_admitted(store, digest)


def test_a_copy_is_read_only(folder, store):
    taken = admit(folder, store)
    modes = {p.stat().st_mode & 0o222 for p in (store / taken.digest).rglob("*")}
    assert modes == {0}


@pytest.mark.parametrize(("counted", "there"), [(10, 11), (10, 9)], ids=["grows", "shrinks"])
def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, counted, there):
    changed, copied = tmp_path / "changed", tmp_path / "copied"
    changed.write_bytes(bytes(there))
    with (
        changed.open("rb") as content,
        copied.open("wb") as copy,
        pytest.raises(PluginError, match="changes while it is read"),
    ):
        copy_content(content, copy, counted, "changed")
    assert copied.stat().st_size <= counted
