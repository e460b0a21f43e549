"""Every example in the documents runs, and prints what the page says.

A block's first line says what it is. ``python run`` and ``console run`` are run, in the order of
the page and in one folder. ``file=NAME`` saves a block there. ``text output`` is what the block
before it prints. ``console daemon`` starts a daemon for the rest of the page. ``fragment`` marks
what is not run: parts of a whole, and commands that need what a test has not. ``…`` in an output
stands for what differs each time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .daemon import Daemon
from .examples import Block, blocks, fits

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if page.exists())
RUNNABLE = [p for p in PAGES if any("run" in block.marks for block in blocks(p, ROOT))]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_print_what_it_says(page, folder, started):
    steps = blocks(page, ROOT)
    for block, following in zip(steps, [*steps[1:], None], strict=True):
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text)
        if "daemon" in block.marks:
            started(block)
        elif "run" in block.marks and block.language == "python":
            assert following, f"{block.place} is run: say what it prints"
            assert "output" in following.marks, f"{block.place} is run: say what it prints"
            printed = run([sys.executable, saved(block, folder)], folder)
            assert fits(following.text, printed), f"{block.place} printed:\n{printed}"
        elif "run" in block.marks:
            for command, expected, printed in session(block.text, folder):
                assert fits(expected, printed), f"{block.place}: {command} printed:\n{printed}"


def test_every_block_of_code_says_whether_it_is_run():
    unmarked = [
        block.place
        for page in PAGES
        for block in blocks(page, ROOT)
        if block.language in ("python", "console")
        and not {"run", "fragment", "daemon"} & set(block.marks)
        and not block.file
    ]
    assert unmarked == []


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\nb\n", "a\nb", True),
        ("a\n", "a\nb", False),
        ("", "\n", True),
        ("", "a\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\n", "a\n", True),
        ("task t-… is done\n", "task t-5x-17 is done\n", True),
        ("task t-… is done\n", "task t-5x-17 is not\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_an_ellipsis_stands_for_what_differs_and_nothing_else_does(expected, printed, same):
    assert fits(expected, printed) is same


SHELL = ["bash", "-o", "pipefail", "-c"]
END = "--- end"


@pytest.fixture
def folder():
    """A folder with a short path: the daemon's socket is in it."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        yield Path(name)


@pytest.fixture
def started(folder):
    """Starts the daemon of a block, and ends it with the page."""
    running = []

    def start(block):
        [(command, expected)] = commands(block.text)
        running.append(Daemon(command, folder, environment(folder)))
        assert running[0].is_ready(expected), f"{block.place}: {running[0].log()}"

    yield start
    for daemon in running:
        daemon.close()


def saved(block: Block, folder: Path) -> str:
    name = block.file or "example.py"
    (folder / name).write_text(block.text)
    return name


def run(command: list[str], folder: Path) -> str:
    """What the command prints on both outputs; a Python traceback fails the test."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )
    assert "Traceback (most recent call last)" not in done.stdout, done.stdout
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    """A reader's environment: the commands are on PATH, and every folder is the example's."""
    home = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    kept = {
        k: v for k, v in os.environ.items() if not re.match(r"RETINUE_|OPENAI_|PYTEST_|XDG_", k)
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return kept | home | {"PATH": path, "NO_COLOR": "1", "XDG_RUNTIME_DIR": str(folder)}


def session(text: str, folder: Path) -> list[tuple[str, str, str]]:
    """Each command of a block, what it shall print and what it printed, all in one shell."""
    pairs = commands(text)
    script = f"\necho '{END}'\n".join(command for command, _ in pairs)
    printed = run([*SHELL, script], folder).split(f"{END}\n")
    return [(*pair, said) for pair, said in zip(pairs, printed, strict=True)]


def commands(text: str) -> list[tuple[str, str]]:
    """Each ``$ command`` of a console block, with the lines below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(p.partition("\n")[0], p.partition("\n")[2]) for p in parts]
