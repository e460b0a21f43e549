"""What becomes of a task when a plugin that it calls hangs."""

from __future__ import annotations

from . import hangs, hung_tasks


def test_a_task_whose_plugin_hangs_is_tried_again_or_a_dead_letter(tmp_path, missing):
    if not hangs.possible():
        missing("the walls of level standard", "see `retinue doctor`")
    kinds = len(hangs.KINDS)
    counted = hung_tasks.run(tmp_path, 1)
    assert counted == {"hangs": 2 * kinds, "answered": kinds, "dead": kinds}
