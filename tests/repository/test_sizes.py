"""Files, functions and scripts keep to their bounds."""

from __future__ import annotations

import ast
import os


def test_no_file_of_the_rooms_is_longer_than_300_lines(root, rooms):
    lengths = {path: len(path.read_text().splitlines()) for path in _sources(root, rooms)}
    assert [str(path) for path, lines in lengths.items() if lines > 300] == []


def test_no_function_of_the_rooms_is_longer_than_60_lines(root, rooms):
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in _sources(root, rooms)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 60
    ]
    assert long == []


def test_scripts_can_be_run(root):
    scripts = [path for path in (root / "scripts").iterdir() if path.is_file() and not path.suffix]
    assert {"bench", "check", "demo", "setup-env", "test"} <= {path.name for path in scripts}
    assert [p.name for p in [*scripts, root / ".ci/run"] if not os.access(p, os.X_OK)] == []


def _sources(root, rooms):
    return [path for room in rooms for path in (root / room).rglob("*.py")]
