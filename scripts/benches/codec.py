"""Message bodies as JSON beside msgpack: what docs/explanation/json-bodies.md weighs."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import msgspec
from msgspec import Raw

from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import AgentText, Message, TaskScheduled, ToolCalled, ToolReturned
from retinue.bus.wire import EventEncoder

ROUNDS = 15
Encode = Callable[[Any], bytes]


def run(report: Any) -> None:
    """Each body in both forms; ``report`` is a ``report.Report``."""
    report.progress("bodies in both forms")
    for name, make in _bodies().items():
        _both(report, name, make(msgspec.json.encode), make(msgspec.msgpack.encode))
    for name, value in _values().items():
        _both(report, name, value, value)
    _mirror(report)


def _bodies() -> dict[str, Callable[[Encode], Message]]:
    arguments = {"query": ["priority", "urgent", "default"], "root": "docs", "limit": 5}
    return {
        "agent.text, one word": lambda _: AgentText(" urgent"),
        "task.scheduled": lambda _: TaskScheduled(
            "priority", "priority 5 with ageing 10 s, of 13 waiting", 1, 12, 0.25
        ),
        "tool.called": lambda e: ToolCalled("c-5x0c2k9d-17", "files.search", Raw(e(arguments))),
        "tool.returned, five passages": _returned,
    }


def _returned(encode: Encode) -> ToolReturned:
    text = "Priority 9 is the most urgent; the default is 5. " * 6
    passages = [{"path": f"{n}.md", "line": n, "text": text, "score": 0.75} for n in range(5)]
    return ToolReturned("c-5x0c2k9d-17", "files.search", True, 0.0123, Raw(encode(passages)))


def _values() -> dict[str, object]:
    return {
        "a list of 1,000 numbers": [n / 7 for n in range(1000)],
        "a text of 100 kB": "lorem ipsum dolor " * 5600,
    }


def _both(report: Any, name: str, as_json: object, as_msgpack: object) -> None:
    for form, value in ((msgspec.json, as_json), (msgspec.msgpack, as_msgpack)):
        label = f"{name}, {form.__name__.rpartition('.')[2]}"
        write, read = form.Encoder().encode, form.Decoder(type(value)).decode
        data = write(value)
        report.note(f"{label}, size", len(data), "B")
        report.note(f"{label}, write", _cost(lambda: write(value)), "µs")  # noqa: B023
        report.note(f"{label}, read", _cost(lambda: read(data)), "µs")  # noqa: B023


def _mirror(report: Any) -> None:
    """One body on its way to observers: put in as it is, or decoded and encoded once more."""
    encoder = EventEncoder("main")
    body = msgspec.json.encode(_returned(msgspec.json.encode))
    packed = msgspec.msgpack.encode(msgspec.json.decode(body))

    def mirrored(data: bytes) -> bytes:
        return encoder.encode(Event(7, Envelope("m-1", "tool.returned", 1e9, data)), 6)

    def transcoded() -> bytes:
        return mirrored(msgspec.json.encode(msgspec.msgpack.decode(packed)))

    report.compare(
        "a mirrored tool.returned, body as JSON, beside msgpack",
        lambda: _cost(lambda: mirrored(body)),
        lambda: _cost(transcoded),
        at_least=1.5,
    )


def _cost(work: Callable[[], object], times: int = 1000) -> float:
    """Median microseconds of one call."""
    costs = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            work()
        costs.append((time.perf_counter() - started) / times * 1e6)
    return median(costs)
