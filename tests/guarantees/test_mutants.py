"""Every guarantee names a test that is there, and has a mutant that its test sees."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MUTANT = {"without": "it", "file": "bus/code.py", "old": "said.append(1)", "new": "pass"}


def test_every_guarantee_has_a_test_and_every_mutant_still_fits_its_file(root, mutation):
    assert mutation["guarantees"].problems(root) == []


def test_every_test_beside_pykka_proves_a_guarantee(root, mutation):
    beside = mutation["guarantees"].BESIDE_PYKKA
    ours = {
        f"{beside}::{name}"
        for name in mutation["guarantees"].tests_in(root / beside)
        if not name.startswith("test_pykka")
    }
    assert ours - {g.test for g in mutation["guarantees"].guarantees(root)} == set()


def test_a_mutant_without_its_mechanism_is_red(try_out):
    code, tried, said = try_out("test_every_failure_goes", "test_ageing_bounds", "-j", "2")
    assert (code, {trial["colour"] for trial in tried}) == (0, {"red"}), said
    assert len(tried) == 3


@pytest.fixture
def tree(tmp_path):
    """A tree of the same form as ours, with one guarantee, one test and one mutant."""
    for room in ("actors", "bus", "kernel", "plugins", "docs", "scripts", "tests/guarantees"):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "docs/guarantees.md").write_text("- It is kept.\n  [`tests/test_it.py::test_it`]\n")
    (tmp_path / "bus/code.py").write_text("said = []\nsaid.append(1)\n")
    (tmp_path / "tests/test_it.py").write_text(
        "from retinue.bus.code import said\n\ndef test_it():\n    assert said == [1]\n"
    )
    write(tmp_path, MUTANT)
    return tmp_path


def write(tree, *several):
    keys = "\n".join(
        '[["tests/test_it.py::test_it"]]\n'
        + "\n".join(f"{k} = {json.dumps(v)}" for k, v in mutant.items())
        for mutant in several
    )
    (tree / "tests/guarantees/mutants.toml").write_text(keys)


def tried(tree, mutation, **changed):
    write(tree, MUTANT | changed)
    (mutant,) = mutation["guarantees"].mutants(tree)
    return mutation["trials"].try_out(mutant, tree, timeout=20.0)


def test_a_test_that_sees_its_mutant_is_red_and_says_why(tree, mutation):
    trial = tried(tree, mutation)
    assert (trial.colour, trial.said) == ("red", "assert [] == [1]")


def test_a_test_that_does_not_see_its_mutant_is_green(tree, mutation):
    (tree / "tests/test_it.py").write_text("def test_it():\n    pass\n")
    assert tried(tree, mutation).colour == "GREEN"


@pytest.mark.parametrize("new", ["import nothing_of_that_name", "said("])
def test_a_mutant_that_only_breaks_the_import_proves_nothing(tree, mutation, new):
    assert tried(tree, mutation, new=new).colour == "BROKEN"


def test_a_skipped_test_proves_nothing(tree, mutation):
    (tree / "tests/test_it.py").write_text("import pytest\n\ndef test_it():\n    pytest.skip()\n")
    passed, _ = mutation["trials"].passing(["tests/test_it.py::test_it"], tree, timeout=20.0)
    assert passed == set()


def test_a_test_that_hangs_without_its_mechanism_is_red(tree, mutation):
    write(tree, MUTANT | {"new": "import threading; threading.Event().wait()"})
    (mutant,) = mutation["guarantees"].mutants(tree)
    trial = mutation["trials"].try_out(mutant, tree, timeout=2.0)
    assert (trial.colour, trial.said) == ("red", "it hung")


def test_what_is_imported_is_the_copy(tree, mutation):
    with mutation["copies"].copy_of(tree) as copy:
        mutation["copies"].prove_imports(copy)
        (copy / "build/names/retinue/bus").unlink()
        with pytest.raises(RuntimeError, match="is not what is imported"):
            mutation["copies"].prove_imports(copy)
    assert not copy.exists()


def test_processes_that_a_mutant_left_are_ended_and_no_others(tree, mutation):
    if sys.platform != "linux":
        pytest.skip("only Linux has /proc")
    sleeps = [sys.executable, "-c", "input()"]
    bystander = subprocess.Popen(sleeps, stdin=subprocess.PIPE)
    with mutation["copies"].copy_of(tree) as copy:
        env = mutation["copies"].environment(copy)
        left = subprocess.Popen(
            sleeps, stdin=subprocess.PIPE, env=env, start_new_session=True, cwd="/"
        )
    assert left.wait(10) == -9
    assert bystander.poll() is None
    bystander.stdin.close()
    left.stdin.close()
    bystander.wait(10)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("docs/guarantees.md", "- It is so.\n", "has 1 sentences, and 0 of them name a test"),
        ("docs/guarantees.md", "- It.\n  [`tests/test_it.py::test_no`]\n", "there is no such test"),
        ("docs/guarantees.md", "- It.\n  [`tests/test_no.py::test_it`]\n", "there is no such test"),
        ("docs/guarantees.md", "- A.\n  [`tests/test_it.py::test_it`]\n" * 2, "2 times"),
        ("tests/guarantees/mutants.toml", "", "proves a guarantee and has no mutant"),
        ("bus/code.py", "said.append(1)\n" * 2, "2 times, not once"),
        ("bus/code.py", "pass\n", "0 times, not once"),
        ("bus/code.py", "if said.append(1):\n", "is stale"),
    ],
)
def test_what_is_wrong_is_named(tree, mutation, file, text, says):
    assert mutation["guarantees"].problems(tree) == []
    (tree / file).write_text(text)
    assert says in "\n".join(mutation["guarantees"].problems(tree))
