"""What was ever written to observers: golden files, which are never changed.

``TYPE.json`` and ``TYPE.msgpack`` are the first version of a type's form, ``TYPE@2.json`` the next.
The newest is what is written now; every one of them can be read. ``SHA256SUMS`` has a line a file:
a form that changes gets a new version, and a line, and no line is ever changed or removed.
``RETINUE_GOLDEN=write`` adds what is missing. ``shapes`` has what an event may lack, or have more.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from retinue.bus.codec import decode
from retinue.bus.messages import EVENTS
from retinue.bus.wire import EventEncoder, parse

from .samples import SEQ, SHAPES, event_of, sample_of

GOLDEN = Path(__file__).parent / "golden"
SUMS = GOLDEN / "SHA256SUMS"
FORMS = ("json", "msgpack")
HOW = "RETINUE_GOLDEN=write python -m pytest tests/bus/test_golden.py, and look at it"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("type", sorted(EVENTS))
def test_every_event_has_the_form_that_its_newest_golden_file_shows(type, form):
    encoded = _encoded(type, form)
    if os.environ.get("RETINUE_GOLDEN") == "write":
        _write_missing(type)
    versions = _versions(type, form)
    assert versions, f"no golden file for {type}: {HOW}"
    assert versions[-1] == encoded, f"observers would read another form: {HOW}"


@pytest.mark.parametrize("later", [False, True], ids=["as it is", "with what it does not know"])
@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.*[kn]")), ids=lambda path: path.name)
def test_every_golden_file_is_read_as_the_event_that_it_was_then(path, later):
    data = path.read_bytes()
    event = parse(_with_more(data) if later else data)
    assert (event.seq, event.previous) == (SEQ, SEQ - 1)
    assert event.type == _type(path)
    kind = EVENTS[event.type]
    read, sample = decode(event.body, kind), sample_of(kind)
    fields = event.data.keys() - {"type", "later"}
    assert {f: getattr(read, f) for f in fields} == {f: getattr(sample, f) for f in fields}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_an_event_has_the_shape_that_its_golden_file_shows(name, form):
    shape = SHAPES[name]
    path = GOLDEN / "shapes" / f"{name}.{form}"
    encoded = EventEncoder("main", form, payload_bytes=shape.limit).encode(shape.event, shape.after)
    encoded += b"\n" if form == "json" else b""
    if os.environ.get("RETINUE_GOLDEN") == "write" and not path.exists():
        path.write_bytes(encoded)
        _add_lines(path)
    assert path.read_bytes() == encoded, f"observers would read another form: {HOW}"
    seen = parse(encoded)
    assert (seen.seq, seen.previous, seen.coalesced) == (SEQ, shape.after, shape.count)
    assert (seen.dataref, seen.databytes) == shape.reference
    assert seen.data == (None if shape.reference[0] else shape.event.data)


def test_both_forms_of_a_version_say_the_same():
    for path in GOLDEN.rglob("*.json"):
        other = path.with_suffix(".msgpack").read_bytes()
        assert msgspec.msgpack.decode(other) == msgspec.json.decode(path.read_bytes()), path.name


def test_versions_of_a_form_have_no_gap():
    expected = {
        _file(kind, number, form).name
        for form in FORMS
        for kind in EVENTS
        for number in range(1, len(_versions(kind, form)) + 1)
    }
    assert {path.name for path in GOLDEN.glob("*.*")} == expected


def test_no_golden_file_was_changed_without_a_new_version():
    assert _problems(GOLDEN) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b" "), "was changed"),
        (Path.unlink, "is gone"),
        (lambda path: path.with_stem("agent.text@9").touch(), "has no line"),
    ],
)
def test_a_golden_file_that_was_changed_removed_or_slipped_in_is_named(tmp_path, spoil, says):
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path / "agent.text.json")
    (problem,) = _problems(tmp_path)
    assert problem.startswith("agent.text")
    assert says in problem


def test_no_line_was_ever_taken_out_of_the_sums(root):
    history = ["git", "log", "--format=", "-p", "--no-color", "--", str(SUMS.relative_to(root))]
    if not (root / ".git").exists():
        return  # an unpacked source archive has no history to hold against it
    told = subprocess.run(history, cwd=root, capture_output=True, text=True, timeout=30, check=True)
    removed = set(re.findall(r"^-([0-9a-f]{64}  \S+)$", told.stdout, re.MULTILINE))
    assert removed - set(SUMS.read_text().splitlines()) == set()


@pytest.fixture(scope="session")
def root():
    return Path(__file__).parents[2]


def _encoded(type, form):
    encoded = EventEncoder("main", form).encode(event_of(sample_of(EVENTS[type])), SEQ - 1)
    return encoded + b"\n" if form == "json" else encoded


def _versions(type, form):
    """What the golden files of a type hold, oldest first."""
    paths = (_file(type, number, form) for number in itertools.count(1))
    return [path.read_bytes() for path in itertools.takewhile(Path.exists, paths)]


def _file(type, number, form):
    return GOLDEN / f"{type}{'' if number == 1 else f'@{number}'}.{form}"


def _type(path):
    return path.stem.partition("@")[0]


def _with_more(data):
    """The same event as a later version may write it."""
    coder = msgspec.json if data[:1] == b"{" else msgspec.msgpack
    event = coder.decode(data)
    event["data"]["later"] = {"a": [1]}
    return coder.encode({"later": [1]} | event | {"muchlater": None})


def _write_missing(type):
    """Both forms of a new version at once, so that their numbers stay the same."""
    if all(_encoded(type, form) in _versions(type, form)[-1:] for form in FORMS):
        return
    number = max(len(_versions(type, form)) for form in FORMS) + 1
    paths = [_file(type, number, form) for form in FORMS]
    for path, form in zip(paths, FORMS, strict=True):
        path.write_bytes(_encoded(type, form))
    _add_lines(*paths)


def _add_lines(*paths):
    lines = {*_lines(GOLDEN), *(_line(path, GOLDEN) for path in paths)}
    SUMS.write_text(
        "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split()[1]))
    )


def _problems(folder):
    """What differs from the sums, in words."""
    named = {line.split()[1]: line for line in _lines(folder)}
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SUMS.name)
    there = {str(path.relative_to(folder)): path for path in files}
    gone = [f"{name} is gone" for name in named.keys() - there.keys()]
    new = [f"{name} has no line in {SUMS.name}: {HOW}" for name in there.keys() - named.keys()]
    changed = [
        f"{name} was changed: put it back, and give the form a new version"
        for name in named.keys() & there.keys()
        if _line(there[name], folder) != named[name]
    ]
    return sorted([*gone, *new, *changed])


def _lines(folder):
    return (folder / SUMS.name).read_text().splitlines()


def _line(path, folder):
    """As ``sha256sum`` writes it."""
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}"
