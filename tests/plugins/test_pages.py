"""The pages that plugins bring, and the console's own."""

from __future__ import annotations

import gzip
import hashlib
import re
import tomllib
from importlib import resources

import pytest

from retinue.bus.errors import InvalidInput
from retinue.plugins.console import plugin
from retinue.plugins.pages import Pages

WEIGHT = 150_000
_OUTSIDE = re.compile(r"""(?:src|href|from|import|url)\s*[=(]?\s*["'(](?:https?:)?//""")
_INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=", re.IGNORECASE)


@pytest.fixture
def console():
    return plugin({})


def test_files_are_found_by_their_path_and_the_index_by_none(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "index.html").write_text("<p>home")
    (tmp_path / "lib" / "one.js").write_text("1")
    pages = Pages(tmp_path)
    assert sorted(pages.files) == ["index.html", "lib/one.js"]
    assert pages.find("").body == b"<p>home"
    one = pages.find("lib/one.js")
    assert (gzip.decompress(one.packed), one.media_type) == (b"1", "text/javascript; charset=utf-8")
    assert [pages.find(path) for path in ("lib", "two.js", "../index.html", "/etc/passwd")] == [
        None
    ] * 4


def test_another_content_has_another_name(tmp_path):
    for folder, text in (("a", "1"), ("b", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "index.html").write_text(text)
    assert Pages(tmp_path / "a").find("").etag != Pages(tmp_path / "b").find("").etag


def test_a_file_of_an_unknown_kind_is_named(tmp_path):
    (tmp_path / "notes.docx").write_text("")
    with pytest.raises(InvalidInput, match=r"page notes\.docx: \.docx is none of \.html"):
        Pages(tmp_path).find("")


def test_the_console_is_a_plugin_of_pages_alone(console):
    assert (console.name, console.tools, console.agents) == ("console", (), ())
    with pytest.raises(InvalidInput, match="console"):
        plugin({"colour": "red"})


def test_the_console_asks_no_other_site_and_has_no_script_in_its_page(console):
    own = {p: f.body.decode() for p, f in console.pages.files.items() if "vendor/" not in p}
    assert [path for path, text in own.items() if _OUTSIDE.search(text)] == []
    assert [path for path in own if path.endswith(".html") and _INLINE.search(own[path])] == []
    assert [path for path, text in own.items() if "innerHTML" in text] == []


def test_the_console_weighs_less_than_its_bound_under_gzip(console):
    sent = {p: f for p, f in console.pages.files.items() if not p.endswith("-LICENSE.txt")}
    assert sum(len(file.packed) for file in sent.values()) < WEIGHT


def test_what_the_console_has_from_others_is_what_was_written_down(console):
    folder = resources.files("retinue.plugins.console")
    listed = tomllib.loads((folder / "vendor.toml").read_text())["file"]
    sums = {f"vendor/{one['target']}": one["sha256"] for one in listed}
    files = console.pages.files
    found = {
        path: hashlib.sha256(file.body).hexdigest()
        for path, file in files.items()
        if path.startswith("vendor/")
    }
    assert found == sums
    packages = {one["package"] for one in listed}
    assert {f"vendor/{name}-LICENSE.txt" for name in packages} <= set(files)
