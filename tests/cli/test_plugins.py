"""Making a plugin's folder and checking it, with no daemon anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from retinue.kernel.cli.plugins import takes
from retinue.kernel.cli.plugins_new import TEMPLATES


@pytest.fixture
def made(retinue, tmp_path):
    """``made(template)``: a folder that `new` wrote."""

    def make(template="tool", name="my-words"):
        folder = tmp_path / template
        said = retinue("plugins", "new", name, "--template", template, "--into", folder)
        assert said.code == 0, said.err
        return folder

    return make


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != "wasm"])
def test_a_new_plugins_own_tests_pass_as_they_are(made, template):
    folder = made(template)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("template", list(TEMPLATES))
def test_a_new_plugin_passes_its_check(retinue, made, template):
    said = retinue("plugins", "check", made(template), "--json")
    found = {(line["check"], line["state"]) for line in map(json.loads, said.out.splitlines())}
    assert {("manifest", "ok"), ("content", "ok"), ("permissions", "ok")} <= found


def test_new_says_which_files_it_wrote_and_overwrites_none(retinue, made, tmp_path):
    folder = made()
    assert sorted(p.name for p in folder.rglob("*.py")) == [
        "my_words_plugin.py",
        "test_my_words_plugin.py",
    ]
    assert 'name = "my-words"' in (folder / "plugin.toml").read_text()
    again = retinue("plugins", "new", "my-words", "--into", folder)
    assert (again.code, again.out) == (65, "")
    assert "is there already" in again.err
    refused = retinue("plugins", "new", "My Words", "--into", tmp_path / "other")
    assert (refused.code, (tmp_path / "other").exists()) == (65, False)


def test_a_check_that_runs_the_plugin_lists_its_tools(retinue, made):
    said = retinue("plugins", "check", made(), "--run")
    assert said.code == 0
    assert "ok    start          it runs at level standard" in said.out
    assert "my-words.count: Count the lines, words and characters of a text." in said.out


@pytest.mark.parametrize(
    ("file", "text", "check", "word"),
    [
        ("plugin.toml", 'name = "x-y"\nversion = "1"\nentry = "a"\ncolour = 1', "content", ":4"),
        ("plugin.toml", 'name = "x-y"\nversion = "1"\nentry = "nowhere"', "entry", "nowhere"),
        ("my_words_plugin.py", "def broken(:\n", "entry", "my_words_plugin.py:1"),
        (
            "plugin.toml",
            'name = "x-y"\nversion = "1"\nentry = "my_words_plugin"\n[permissions]\nread = ["/"]',
            "permissions",
            "covers too much",
        ),
    ],
    ids=["unknown key", "no such module", "syntax", "too wide"],
)
def test_what_is_wrong_is_named_with_its_place(retinue, made, file, text, check, word):
    folder = made()
    (folder / file).write_text(text)
    said = retinue("plugins", "check", folder, "--json")
    [failed] = [f for f in map(json.loads, said.out.splitlines()) if f["state"] == "fail"]
    assert (said.code, failed["check"], word in failed["found"]) == (1, check, True)


def test_a_check_runs_nothing_of_the_plugin_unless_it_is_told_to(retinue, made):
    folder = made()
    (folder / "my_words_plugin.py").write_text("raise ValueError('it ran')")
    assert retinue("plugins", "check", folder).code == 0
    said = retinue("plugins", "check", folder, "--run")
    assert (said.code, "it ran" in said.out) == (1, True)


def test_a_level_that_this_host_or_its_operator_does_not_give_fails_the_check(
    retinue, made, monkeypatch
):
    monkeypatch.setenv("RETINUE_SANDBOX_LEVEL", "limits")
    said = retinue("plugins", "check", made())
    assert (said.code, "below the minimum 'standard'" in said.out) == (1, True)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({}, "()"),
        ({"properties": "x"}, "()"),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, "(a: string)"),
        ({"properties": {"a": {"type": ["string", "null"]}}}, "(a: string|null = null)"),
        ({"properties": {"a\x1b": {"type": 1, "default": 5}}}, r"(a\x1b: 1 = 5)"),
    ],
)
def test_what_a_tool_takes_is_shown_whatever_its_schema_holds(schema, said):
    assert takes(schema) == said
