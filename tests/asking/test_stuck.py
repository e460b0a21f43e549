"""Planted causes of "stuck", each in a real kernel: the answer names the cause."""

from __future__ import annotations

import pytest

from retinue.bus.journal.reader import JournalReader
from retinue.kernel.asking.edges import Live
from retinue.kernel.asking.why import why

from . import agents
from .plants import PLANTS


@pytest.mark.parametrize(("planted", "kinds", "words"), PLANTS)
def test_the_cause_is_named_by_the_kernel_and_by_its_journal_alone(stage, planted, kinds, words):
    kernel, task, *rest = planted(stage)
    named = rest[0] if rest else {}
    wanted = [word.format(**named) for word in words]
    with_kernel = kernel.why(task)
    reader = JournalReader(stage.folder / "state/journal.db")
    alone = why(reader, task, kernel.clock.time(), Live(running=True))
    reader.close()
    for answer in (with_kernel, alone):
        assert [edge.kind for edge in answer.edges] == list(kinds), answer.answer
        said = "; ".join([answer.answer, *(edge.text for edge in answer.edges)])
        assert [word for word in wanted if word not in said] == [], said


def test_there_are_twenty_plants():
    assert len(PLANTS) >= 20


def test_a_stopped_kernel_is_what_its_open_tasks_wait_for(stage):
    kernel = stage.kernel()
    kernel.spawn("idle", agents.idle)
    task = kernel.submit("idle")
    stage.see(kernel, task.id, "agent.thought")
    kernel.close(drain=0, reason="the host restarts")
    reader = JournalReader(stage.folder / "state/journal.db")
    answer = why(reader, task.id, kernel.clock.time(), Live(running=False))
    reader.close()
    assert [edge.kind for edge in answer.edges] == ["kernel"]
    assert "was stopped at" in answer.answer
    assert "(the host restarts)" in answer.answer
    assert "retinue run" in answer.answer
