"""A cursor that is handed out before a run begins: nothing of the run can be missed."""

from __future__ import annotations

import pytest

from retinue.bus.redis import Subscriber
from retinue.kernel import Kernel

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("over", [True, False], ids=["after its end", "while it runs"])
def test_the_cursor_of_a_task_leads_to_every_event_of_its_run(tmp_path, over):
    with Kernel(redis="auto", state_dir=tmp_path) as kernel:
        kernel.submit("echo", {"text": "before"}).result(timeout=10)
        task = kernel.submit("echo", {"text": "hello"})
        if over:
            task.result(timeout=10)
        with Subscriber(f"unix://{tmp_path}/redis/redis.sock", "main", task.cursor) as reader:
            seen = []
            for event in reader.read(timeout=10):
                seen += [event.seq] if event.run == task.run else []
                if event.run == task.run and event.type == "run.succeeded":
                    break
        assert seen == [event.seq for event in task.events(timeout=10)]
        assert seen[0] > task.cursor
