"""The sentences of docs/guarantees.md, the mutants of tests/guarantees/mutants.toml, and what both lack."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path("docs/guarantees.md")
MUTANTS = Path("tests/guarantees/mutants.toml")
BESIDE_PYKKA = "tests/runtime/test_beside_pykka.py"

_PROVEN = re.compile(r"^- (?P<sentence>[^\[]+?)\s*\[`(?P<test>[^`\]]+)`\]", re.MULTILINE)
_KEYS = {"without", "file", "old", "new", "args"}


@dataclass(frozen=True)
class Guarantee:
    """A sentence and the id of the test that proves it."""

    sentence: str
    test: str


@dataclass(frozen=True)
class Mutant:
    """A mechanism taken out: ``old``, once in ``file``, becomes ``new``; ``args`` go to pytest."""

    test: str
    without: str
    file: str
    old: str
    new: str
    args: tuple[str, ...] = ()

    def applied(self, text: str) -> str:
        """The file's text without the mechanism. Raises ``ValueError`` for a stale mutant."""
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} has what the mutant replaces {found} times, not once")
        return text.replace(self.old, self.new)


def guarantees(root: Path) -> list[Guarantee]:
    """Every sentence of the page that names a test, in the page's order."""
    page = (root / PAGE).read_text(encoding="utf-8")
    return [
        Guarantee(" ".join(found["sentence"].split()), found["test"])
        for found in _PROVEN.finditer(page)
    ]


def mutants(root: Path) -> list[Mutant]:
    """Every mutant, in the file's order. Raises ``ValueError`` for an entry that is malformed."""
    with (root / MUTANTS).open("rb") as file:
        tables = tomllib.load(file)
    return [_mutant(test, table) for test, several in tables.items() for table in several]


def problems(root: Path) -> list[str]:
    """What is wrong with page and mutants, one line each; nothing is run."""
    proven, tried = guarantees(root), mutants(root)
    return [
        *_of_page(root, proven),
        *_of_pairing(proven, tried),
        *(said for mutant in tried for said in _of_mutant(root, mutant)),
    ]


def tests_in(path: Path) -> set[str]:
    """The names of the test functions of a file; empty when there is no such file."""
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _mutant(test: str, table: dict[str, object]) -> Mutant:
    if table.keys() | {"args"} != _KEYS:
        raise ValueError(f"a mutant of {test} has {', '.join(table)}; it takes {', '.join(_KEYS)}")
    args = table.get("args", [])
    if not isinstance(args, list):
        raise TypeError(f"a mutant of {test} has args {args!r}; give a list of strings")
    texts = {key: str(table[key]) for key in ("without", "file", "old", "new")}
    return Mutant(test=test, args=tuple(map(str, args)), **texts)


def _of_page(root: Path, proven: list[Guarantee]) -> Iterator[str]:
    page = (root / PAGE).read_text(encoding="utf-8")
    if (sentences := len(re.findall(r"^- ", page, re.MULTILINE))) != len(proven):
        yield f"{PAGE} has {sentences} sentences, and {len(proven)} of them name a test"
    for test, times in Counter(guarantee.test for guarantee in proven).items():
        if times > 1:
            yield f"{PAGE} names {test} {times} times"
        file, _, name = test.partition("::")
        if name not in tests_in(root / file):
            yield f"{PAGE} names {test}, and there is no such test"


def _of_pairing(proven: list[Guarantee], tried: list[Mutant]) -> Iterator[str]:
    named, mutated = {g.test for g in proven}, {m.test for m in tried}
    yield from (f"{test} proves a guarantee and has no mutant" for test in sorted(named - mutated))
    yield from (f"{test} has a mutant and proves no guarantee" for test in sorted(mutated - named))


def _of_mutant(root: Path, mutant: Mutant) -> Iterator[str]:
    path = root / mutant.file
    if not path.is_file():
        yield f"a mutant of {mutant.test} changes {mutant.file}, and there is no such file"
        return
    try:
        spoilt = mutant.applied(path.read_text(encoding="utf-8"))
        if path.suffix == ".py":
            ast.parse(spoilt)
    except (ValueError, SyntaxError) as error:
        yield f"a mutant of {mutant.test} is stale: {error}"
