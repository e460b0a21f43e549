"""A run as bars: each task a line, from its submission to its end. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..text import cut, duration, one_line
from .history import History
from .records import TaskRecord

__all__ = ["LEGEND", "timeline"]

LEGEND = (
    "· in line  - back-off  ━ running  ↻ tried again  "
    "✓ succeeded  ✗ failed  ⊘ cancelled  ? unknown  … open"
)

_ENDS = {"succeeded": "✓", "failed": "✗", "cancelled": "⊘", "outcome_unknown": "?"}
_NAME = 34


def timeline(history: History, runs: Sequence[str], now: float, width: int = 100) -> Iterator[str]:
    """The lines, each ``width`` characters at most; children stand below their parent."""
    for run in runs:
        tasks = list(_in_order(history, history.runs.get(run, "")))
        if not tasks:
            continue
        begin = tasks[0][1].submitted
        end = max(begin + 0.001, *(task.ended or now for _, task in tasks))
        yield f"{run}  {duration(end - begin)}, {len(tasks)} task(s)"
        bar = max(10, width - _NAME - 13)
        for depth, task in tasks:
            yield _line(task, depth, begin, end, bar)


def _in_order(history: History, task: str, depth: int = 0) -> Iterator[tuple[int, TaskRecord]]:
    waiting = [(depth, task)]
    while waiting:
        depth, name = waiting.pop()
        found = history.tasks.get(name)
        if found is not None:
            yield depth, found
            waiting += [(depth + 1, child) for child in reversed(found.children)]


def _line(task: TaskRecord, depth: int, begin: float, end: float, bar: int) -> str:
    name = cut("  " * min(depth, 6) + one_line(f"{task.agent} {task.id}"), _NAME)
    took = duration((task.ended or end) - task.submitted)
    return f"{name:<{_NAME}} {_bar(task, begin, end, bar)} {took:>10}".rstrip()


def _bar(task: TaskRecord, begin: float, end: float, width: int) -> str:
    cells = [" "] * width
    scale = (width - 1) / (end - begin)

    def at(moment: float) -> int:
        return min(width - 1, max(0, round((moment - begin) * scale)))

    def fill(start: float, stop: float, sign: str) -> None:
        for cell in range(at(start), at(stop) + 1):
            cells[cell] = sign

    last = task.ended or end
    for attempt in task.attempts:
        over = attempt.ended or last
        due = min(over, attempt.queued + attempt.delay)
        fill(attempt.queued, attempt.scheduled or over, "·")
        if attempt.delay:
            fill(attempt.queued, due, "-")
        if attempt.began is not None:
            fill(attempt.began, over, "━")
        if attempt.number > 1:
            cells[at(attempt.began or attempt.queued)] = "↻"
    cells[at(last)] = _ENDS.get(task.state, "…")
    return "".join(cells)
