"""``files`` under attack: by path, by link, by race."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.errors import InvalidInput, NotFound
from retinue.plugins.system.files.roots import Roots

from .places import SECRET, furnished


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
    return furnished(tmp_path_factory.mktemp("files"))


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
