from __future__ import annotations

import asyncio
import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retinue.bus.errors import Denied, NotFound, RetinueError
from retinue.plugins.manifest.model import Permissions
from retinue.plugins.mediation.files import MAX_ENTRIES, MAX_PIECE, FileService


@pytest.fixture
def files(world, tmp_path):
    """A world with a folder to write, one to read, and a secret beside them."""
    for name in ("own", "shared", "own-not"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "own-not" / "file").write_text("other")
    (tmp_path / "shared" / "page").write_text("page")
    world.permissions = Permissions(write=(f"{tmp_path}/own",), read=(f"{tmp_path}/shared",))
    world.extra = {"fs": FileService()}
    world.folder = tmp_path
    return world


def read(world, path, **more):
    return base64.b64decode(world.ask("fs.read", path=str(path), **more)["data"])


def write(world, path, data, **more):
    encoded = base64.b64encode(data).decode()
    return world.ask("fs.write", path=str(path), data=encoded, **more)


def test_files_are_written_read_listed_and_removed_within_the_grant(files):
    own = files.folder / "own"
    write(files, own / "a", b"one two")
    write(files, own / "a", b"TWO", offset=4)
    assert read(files, own / "a") == b"one TWO"
    assert read(files, own / "a", offset=4, size=2) == b"TW"
    write(files, own / "a", b"short")
    assert read(files, own / "a") == b"short"
    files.ask("fs.mkdir", path=str(own / "sub"))
    listed = files.ask("fs.list", path=str(own))
    assert listed == [{"name": "a", "folder": False}, {"name": "sub", "folder": True}]
    assert files.ask("fs.stat", path=str(own / "a"))["size"] == 5
    files.ask("fs.remove", path=str(own / "a"))
    files.ask("fs.remove", path=str(own / "sub"))
    assert list(own.iterdir()) == []
    assert files.denied == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("{0}/secret", "fs.read"),
        ("{0}/own/../secret", "fs.path"),
        ("{0}/own-not/file", "fs.read"),
        ("own/a", "fs.path"),
        ("{0}/own/\0", "fs.path"),
        ("/proc/self/root{0}/secret", "fs.read"),
        ("/proc/self/environ", "fs.read"),
        ("/{0}/own/a", "fs.read"),
        ("", "fs.path"),
        ("~/own/a", "fs.path"),
    ],
)
def test_a_path_outside_the_grant_is_refused_in_any_spelling(files, path, rule):
    (files.folder / "own" / "a").write_text("a")
    with pytest.raises(Denied):
        read(files, path.format(files.folder))
    assert files.rules == [rule]


def test_what_may_be_read_may_not_be_written(files):
    page = files.folder / "shared" / "page"
    assert read(files, page) == b"page"
    for method, more in (
        ("fs.write", {"data": ""}),
        ("fs.remove", {}),
        ("fs.mkdir", {}),
    ):
        with pytest.raises(Denied):
            files.ask(method, path=str(page), **more)
    assert [rule for rule, *_ in files.denied] == ["fs.write"] * 3
    assert page.read_text() == "page"


@pytest.mark.parametrize("target", ["{0}/secret", "../secret", "{0}/own/inside", "inside"])
def test_no_link_is_followed_wherever_it_leads(files, target):
    own = files.folder / "own"
    (own / "inside").write_text("inside")
    (own / "link").symlink_to(target.format(files.folder))
    with pytest.raises(Denied):
        read(files, own / "link")
    with pytest.raises(Denied):
        write(files, own / "link", b"x")
    assert files.rules == ["fs.link", "fs.link"]
    assert (files.folder / "secret").read_text() == "secret"


def test_a_folder_that_is_a_link_is_not_followed_either(files):
    own = files.folder / "own"
    (own / "out").symlink_to(files.folder)
    for method in ("fs.list", "fs.read", "fs.stat"):
        with pytest.raises(Denied):
            files.ask(method, path=str(own / "out" / "secret"))
    with pytest.raises(Denied):
        files.ask("fs.remove", path=str(own / "out" / "secret"))
    with pytest.raises(Denied):
        files.ask("fs.mkdir", path=str(own / "out" / "made"))
    assert (files.folder / "secret").exists()
    assert not (files.folder / "made").exists()


def test_a_link_itself_can_be_removed(files):
    own = files.folder / "own"
    (own / "link").symlink_to(files.folder / "secret")
    files.ask("fs.remove", path=str(own / "link"))
    assert (files.folder / "secret").exists()


def test_a_part_that_is_swapped_for_a_link_again_and_again_never_leads_out(files):
    own = files.folder / "own"
    (own / "real").mkdir()
    (own / "real" / "secret").write_text("harmless")
    (own / "evil").symlink_to(files.folder)
    place, over = own / "turning", threading.Event()

    def turn():
        while not over.is_set():
            for name in ("real", "evil"):
                (own / name).rename(place)
                place.rename(own / name)

    with ThreadPoolExecutor(1) as pool:
        turning = pool.submit(turn)
        seen = set()
        while not {b"harmless", "Denied"} <= seen:
            try:
                seen.add(read(files, place / "secret"))
            except (Denied, NotFound) as error:
                seen.add(type(error).__name__)
        over.set()
        turning.result(10)
    assert b"secret" not in seen


def test_a_hard_link_is_not_written(files):
    own = files.folder / "own"
    os.link(files.folder / "secret", own / "hard")
    with pytest.raises(Denied):
        write(files, own / "hard", b"x")
    assert (files.folder / "secret").read_text() == "secret"


def test_a_fifo_keeps_nobody_waiting(files):
    fifo = files.folder / "own" / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(Denied):
        read(files, fifo)
    with pytest.raises((Denied, NotFound)):
        write(files, fifo, b"x")


def test_what_was_granted_itself_cannot_be_removed(files):
    with pytest.raises(Denied):
        files.ask("fs.remove", path=str(files.folder / "own"))
    assert files.rules == ["fs.root"]
    assert (files.folder / "own").is_dir()


def test_a_file_grows_no_longer_than_the_process_itself_may_write(files):
    file = files.folder / "own" / "big"
    for offset in (16 << 20, 1 << 62, -1):
        with pytest.raises(Denied):
            write(files, file, b"x", offset=offset)
    assert files.rules == ["fs.size"] * 3
    assert not file.exists()


def test_a_read_gives_a_piece_and_a_list_so_many_names(files):
    own = files.folder / "own"
    (own / "long").write_bytes(b"x" * (MAX_PIECE + 1))
    assert len(read(files, own / "long", size=1 << 40)) == MAX_PIECE
    for n in range(MAX_ENTRIES + 5):
        (own / f"{n}").touch()
    assert len(files.ask("fs.list", path=str(own))) == MAX_ENTRIES


def test_a_granted_file_is_just_that_file(files):
    files.permissions = Permissions(write=(f"{files.folder}/own/one",))
    write(files, files.folder / "own" / "one", b"1")
    assert read(files, files.folder / "own" / "one") == b"1"
    with pytest.raises(Denied):
        read(files, files.folder / "own" / "two")


@pytest.mark.parametrize(
    "params", [b"", b"[]", b'{"path": 7}', b'{"path": "/x", "more": 1}', b'{"path": "\\ud800"}']
)
def test_a_request_out_of_form_is_an_error_that_says_where(files, params):
    with pytest.raises(RetinueError):
        asyncio.run(files.mediator().handle(files.call(), "fs.read", params))
