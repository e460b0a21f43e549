"""Recorded runs, and daemons' folders that hold some."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from retinue.bus.journal import MemoryStore
from retinue.kernel import Kernel
from retinue.plugins.llm.scripted import ScriptedModel

from .atlas import ATLAS, RECORDED, guide

HERE = Path(__file__).parent


def _programs():
    """The module beside this file; pytest imports tests without their folder on the path."""
    spec = importlib.util.spec_from_file_location("replay_programs", HERE / "programs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def programs():
    """``programs.py``."""
    return _programs()


@pytest.fixture(scope="session")
def recorded(programs):
    """Two hundred runs of every shape: the store, and their ids."""
    return programs.record(200, seed=20)


@pytest.fixture(scope="module")
def guided():
    """The events of one run, and its id."""
    store = MemoryStore()
    model = ScriptedModel(["Paris is a city of light"])
    with Kernel(config=RECORDED, store=store, plugins=[ATLAS], models={"auto": model}) as kernel:
        kernel.spawn("guide", guide)
        task = kernel.submit("guide", {"country": "France"})
        assert task.result(timeout=20) == "Paris is a city of light"
        for _ in task.events():
            pass
        return list(store.read()), task.run
