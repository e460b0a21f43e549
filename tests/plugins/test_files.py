"""``files``: what is granted can be listed, searched and read; nothing else, by any path or race."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import InvalidInput, NotFound, ToolError
from retinue.plugins.system.files import plugin
from retinue.plugins.system.files.roots import Roots
from retinue.plugins.testing import PluginHarness
from retinue.plugins.tools import ToolContext

from .places import SECRET


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
