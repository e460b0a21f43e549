"""``files``: what is granted can be listed, searched and read; nothing else, by any path or race."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.clock import ManualClock
from retinue.bus.errors import InvalidInput, NotFound, ToolError
from retinue.plugins.system.files import plugin
from retinue.plugins.system.files.roots import Roots
from retinue.plugins.testing import PluginHarness
from retinue.plugins.tools import ToolContext

SECRET = "the secret outside"


@pytest.fixture
def place(tmp_path):
    """A granted root beside things that are not granted, and all ways to them that links give."""
    root = tmp_path / "granted"
    (root / "guide" / "deep").mkdir(parents=True)
    (tmp_path / "granted-not").mkdir()
    (tmp_path / "granted-not" / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.txt").write_text(SECRET)
    (root / "readme.md").write_text("# Readme\n\nThe granted text.\n")
    (root / "guide" / "deep" / "page.md").write_text("one\ntwo\nthree\n")
    (root / ".env").write_text(SECRET)
    (root / ".git").mkdir()
    (root / ".git" / "config.md").write_text(SECRET)
    (root / "binary.bin").write_bytes(b"\x7fELF\0\0secret")
    (root / "latin.txt").write_bytes("gr\xfcn".encode("latin-1"))
    (root / "out-file.md").symlink_to(tmp_path / "secret.txt")
    (root / "out-relative.md").symlink_to("../secret.txt")
    (root / "out-folder").symlink_to(tmp_path)
    (root / "in-file.md").symlink_to("readme.md")
    (root / "in-folder").symlink_to("guide")
    (root / "loop").symlink_to("loop")
    (root / "proc").symlink_to("/proc/self")
    os.mkfifo(root / "fifo.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s.md"))
    return root


@pytest.fixture
def files(place):
    return PluginHarness(plugin({"roots": {"granted": str(place)}}))


def test_list_shows_the_regular_files_and_nothing_hidden_linked_or_special(files):
    listed = files.call("files.list")
    assert listed["more"] is False
    assert [(f["root"], f["path"]) for f in listed["files"]] == [
        ("granted", "binary.bin"),
        ("granted", "guide/deep/page.md"),
        ("granted", "latin.txt"),
        ("granted", "readme.md"),
    ]
    assert listed["files"][3]["bytes"] == 28


@pytest.mark.parametrize(
    ("args", "paths", "more"),
    [
        ({"under": "guide"}, ["guide/deep/page.md"], False),
        ({"under": "./guide//deep/"}, ["guide/deep/page.md"], False),
        ({"glob": "*.md"}, ["guide/deep/page.md", "readme.md"], False),
        ({"glob": "guide/*"}, ["guide/deep/page.md"], False),
        ({"glob": "nothing*"}, [], False),
        ({"limit": 1}, ["binary.bin"], True),
        ({"root": "granted", "glob": "*e*.md", "limit": 2}, ["guide/deep/page.md", "readme.md"], False),
    ],
)  # fmt: skip
def test_list_can_be_narrowed(files, args, paths, more):
    listed = files.call("files.list", **args)
    assert ([f["path"] for f in listed["files"]], listed["more"]) == (paths, more)


def test_read_gives_the_text_from_a_line_on_and_says_whether_it_goes_on(files):
    path = "guide/deep/page.md"
    assert files.call("files.read", path=path) == {
        "root": "granted", "path": path, "line": 1, "text": "one\ntwo\nthree\n", "lines": 4, "more": False,
    }  # fmt: skip
    part = files.call("files.read", path=path, line=2, lines=1)
    assert (part["text"], part["more"]) == ("two", True)
    assert files.call("files.read", path=path, line=9)["text"] == ""


ATTACKS = [
    "../secret.txt", "guide/../../secret.txt", "guide/../readme.md", "..", "../granted-not/secret.txt",
    "/etc/passwd", "//etc/passwd", "/proc/self/environ", "{place}/readme.md", "{outside}/secret.txt",
    "out-file.md", "out-relative.md", "out-folder/secret.txt", "in-file.md", "in-folder/deep/page.md",
    "loop", "loop/x", "proc/environ", "proc/root/etc/passwd", "proc/cwd/pyproject.toml",
    "readme.md\0", "readme.md\0/../../secret.txt", "\0", "a\nb", "readme.md\u202e", "..\\secret.txt",
    "guide\\deep\\page.md", "", ".", "./", "/", "guide", "guide/", "fifo.md", "s.md",
    ".env", ".git/config.md", "guide/./.env", "./.env", "readme.md/x", "readme.md/../.env",
    "~/.ssh/id_rsa", "%2e%2e/secret.txt", "file:///etc/passwd", "\N{FULLWIDTH FULL STOP}" * 2 + "/secret.txt",
    "a/" * 40 + "b", "x" * 5000,
]  # fmt: skip


HIDDEN = {".env", ".git/config.md", "guide/./.env", "./.env"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_by_path_is_refused(files, place, attack):
    path = attack.format(place=place, outside=place.parent)
    with pytest.raises((InvalidInput, NotFound), match="files: "):
        files.call("files.read", path=path)


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a not in HIDDEN])
def test_an_attack_by_path_is_refused_where_hidden_names_are_granted_too(place, attack):
    files = PluginHarness(plugin({"roots": [str(place)], "hidden": True}))
    path = attack.format(place=place, outside=place.parent)
    with pytest.raises((InvalidInput, NotFound), match="files: "):
        files.call("files.read", path=path)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/readme.md", "'/readme.md' is absolute; give a path relative to the root"),
        ("guide/../readme.md", "leaves the root; '..' is not allowed"),
        ("readme.md\0", "holds control characters"),
        (".env", "is hidden; the operator may set"),
        ("in-file.md", "goes through a link; links are not followed"),
        ("fifo.md", "is not a regular file"),
    ],
)
def test_a_refusal_names_the_path_and_the_rule(files, path, says):
    with pytest.raises(InvalidInput, match=says):
        files.call("files.read", path=path)


@pytest.mark.parametrize("name", ["fifo.md", "s.md", "guide", "in-file.md"])
def test_what_is_no_regular_file_is_not_even_opened(place, monkeypatch, name):
    """Opening a device can do something already: rewind a tape, reset a line."""
    opened = []
    real_open = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *a, **k: opened.append(path) or real_open(path, *a, **k)
    )
    with pytest.raises(InvalidInput), Roots({"g": place}).open_file("g", name):
        pass
    assert opened == [str(place)]


@pytest.mark.parametrize(
    "attack",
    ["..", "out-folder", "in-folder", "/", "/etc", "proc", "a\0b", "readme.md", ".git", "loop"],
)
def test_an_attack_by_folder_is_refused(files, attack):
    with pytest.raises((InvalidInput, NotFound), match="files: "):
        files.call("files.list", under=attack)


def test_search_finds_nothing_of_what_is_not_granted(files):
    assert files.call("files.search", query="secret outside", limit=100) == []


PARTS = [
    "..", ".", "", "guide", "deep", "page.md", "out-folder", "secret.txt", "proc", "root", "etc",
    "passwd", "in-folder", "readme.md", "/", "\0", ".git", "config.md", "loop",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(PARTS),
        max_size=7,
    )
)  # fmt: skip
def test_no_mix_of_path_parts_leads_out(shared_place, parts):
    roots = Roots({"granted": shared_place})
    try:
        with roots.open_file("granted", "/".join(parts)) as descriptor:
            opened = Path(f"/proc/self/fd/{descriptor}").readlink()
    except (InvalidInput, NotFound):
        return
    assert opened in {shared_place / "readme.md", shared_place / "guide/deep/page.md"}


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory):
    return place.__wrapped__(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("part", ["guide", "deep", "page.md"])
def test_a_part_that_is_swapped_for_a_link_right_before_it_is_opened_never_leads_out(
    place, monkeypatch, part
):
    """Whatever was checked before, an attacker may act between the check and the open."""
    outside = place.parent / "elsewhere"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "page.md").write_text(SECRET)
    inside = {"guide": "guide", "deep": "guide/deep", "page.md": "guide/deep/page.md"}[part]
    real_open = os.open

    def open_after_swap(path, flags, *args, **kwargs):
        if path == part:
            (place / inside).rename(place / "away")
            (place / inside).symlink_to(outside / inside.removeprefix("guide").lstrip("/"))
        return real_open(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_after_swap)
    with (
        pytest.raises(InvalidInput, match="goes through a link"),
        Roots({"g": place}).open_file("g", "guide/deep/page.md"),
    ):
        pass
    assert (place / inside).is_symlink()
    assert (place / inside).exists()


def test_a_file_that_is_swapped_for_a_fifo_after_the_check_does_not_block(place, monkeypatch):
    real_open = os.open

    def open_after_swap(path, flags, *args, **kwargs):
        if path == "readme.md":
            (place / "readme.md").unlink()
            os.mkfifo(place / "readme.md")
        return real_open(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_after_swap)
    with (
        pytest.raises(InvalidInput, match="is not a regular file"),
        Roots({"g": place}).open_file("g", "readme.md"),
    ):
        pass


def test_no_call_leaves_a_descriptor_behind(files, place):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for attack in ATTACKS:
        with pytest.raises((InvalidInput, NotFound)):
            files.call("files.read", path=attack)
    files.call("files.search", query="text")
    next(Roots({"g": place}).walk("g"))  # a walk that is left early
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_hidden_files_are_there_when_the_operator_grants_them(place):
    files = PluginHarness(plugin({"roots": [str(place)], "hidden": True}))
    assert files.call("files.read", path=".env")["text"] == SECRET
    assert ".git/config.md" in [f["path"] for f in files.call("files.list")["files"]]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("binary.bin", "'binary.bin' cannot be read: a binary file: NUL at offset 4"),
        ("latin.txt", "'latin.txt' cannot be read: not utf-8 text: byte 0xfc at offset 2"),
        ("absent.md", "'absent.md' is not there; files.list shows what is"),
    ],
)
def test_a_file_that_cannot_be_read_as_text_says_why(files, path, says):
    with pytest.raises((InvalidInput, NotFound), match=says):
        files.call("files.read", path=path)


def test_marks_of_byte_order_and_foreign_line_ends_are_understood(place, files):
    (place / "marked.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree")
    (place / "wide.txt").write_bytes("grün".encode("utf-16"))
    assert files.call("files.read", path="marked.txt")["text"] == "one\ntwo\nthree"
    assert files.call("files.read", path="wide.txt")["text"] == "grün"


def test_sizes_are_bounded(place):
    (place / "large.md").write_text("word " * 100)
    files = PluginHarness(
        plugin({"roots": [str(place)], "max_file": 100, "max_read": 5, "max_files": 3})
    )
    with pytest.raises(InvalidInput, match=r"'large\.md' is over 100 bytes"):
        files.call("files.read", path="large.md")
    part = files.call("files.read", path="guide/deep/page.md")
    assert (part["text"], part["more"]) == ("one\nt", True)
    with pytest.raises(InvalidInput, match="more than 3 files; narrow it with under="):
        files.call("files.list")
    narrow = PluginHarness(plugin({"roots": [str(place)], "max_search": 20}))
    with pytest.raises(InvalidInput, match="over 20 bytes of text; narrow it"):
        narrow.call("files.search", query="text")


def test_a_cut_read_never_splits_a_character(place):
    (place / "umlauts.md").write_text("ü" * 10)
    files = PluginHarness(plugin({"roots": [str(place)], "max_read": 5}))
    assert files.call("files.read", path="umlauts.md")["text"] == "üü"


def test_without_a_grant_every_call_says_who_can_give_one():
    files = PluginHarness(plugin({}))
    for tool, args in (("list", {}), ("search", {"query": "x"}), ("read", {"path": "x"})):
        with pytest.raises(
            InvalidInput, match=r"no folder is granted; the operator sets plugins\.files\.roots"
        ):
            files.call(f"files.{tool}", **args)


def test_several_roots_are_searched_together_and_read_by_name(place, tmp_path):
    other = tmp_path / "other" / "granted"
    other.mkdir(parents=True)
    (other / "more.md").write_text("More granted text.")
    files = PluginHarness(plugin({"roots": [str(place), str(other)]}))
    found = files.call("files.search", query="granted text")
    assert {(f["root"], f["path"]) for f in found} == {
        ("granted", "readme.md"),
        ("granted-2", "more.md"),
    }
    assert (
        files.call("files.read", path="more.md", root="granted-2")["text"] == "More granted text."
    )
    with pytest.raises(
        InvalidInput, match="root '' is not granted; say one of: granted, granted-2"
    ):
        files.call("files.read", path="more.md")
    with pytest.raises(InvalidInput, match=r"root '\.\./x' is not granted"):
        files.call("files.list", root="../x")


def test_search_gives_passages_with_their_place(files):
    (found,) = files.call("files.search", query=["grants"])
    score = found.pop("score")
    assert score > 0
    assert found == {
        "root": "granted", "path": "readme.md", "line": 3, "heading": "Readme", "text": "The granted text.",
    }  # fmt: skip


@pytest.mark.parametrize("query", ["", [], "?!", ["", " "]])
def test_a_search_without_words_is_refused(files, query):
    with pytest.raises(InvalidInput, match="query has no words"):
        files.call("files.search", query=query)


def test_a_search_sees_every_change_and_reads_unchanged_files_once(place, monkeypatch):
    clock = ManualClock()
    for path in place.rglob("*.md"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (clock.time() - 100, clock.time() - 100))
    clock.advance(4e9)  # far from any time of change on this machine
    files = PluginHarness(plugin({"roots": [str(place)]}, clock))
    reads = []
    monkeypatch.setattr(Roots, "open_file", _counting(Roots.open_file, reads))
    assert files.call("files.search", query="granted")
    first, reads[:] = list(reads), []
    assert files.call("files.search", query="granted")
    assert ("readme.md" in first, reads) == (True, [])
    (place / "readme.md").write_text("# Readme\n\nThe changed text.\n")
    assert files.call("files.search", query="changed")
    assert reads == ["readme.md"]
    (place / "readme.md").unlink()
    assert files.call("files.search", query="changed") == []


def test_a_file_changed_just_now_is_read_again(place):
    files = PluginHarness(plugin({"roots": [str(place)]}))
    for word in ("alpha", "gamma", "omega"):
        (place / "readme.md").write_text(f"It says {word}.")
        assert len(files.call("files.search", query=word)) == 1


def test_kept_passages_are_bounded_in_bytes(place):
    clock = ManualClock(5e9)
    library_plugin = plugin({"roots": [str(place)], "max_kept": 30}, clock)
    library = library_plugin.tools[1].function.__self__._library
    PluginHarness(library_plugin).call("files.search", query="text")
    assert 0 < library._bytes <= 30
    assert library._bytes == sum(entry.size for entry, _ in library._kept.values())


def test_a_cancelled_search_stops(place):
    search = plugin({"roots": [str(place)]}).tools[1]
    with pytest.raises(ToolError, match="cancelled after 0 files"):
        search.call(search.check({"query": "x"}), ToolContext(cancelled=lambda: True))


def _counting(open_file, reads):
    def counted(self, root, path):
        reads.append(path)
        return open_file(self, root, path)

    return counted
