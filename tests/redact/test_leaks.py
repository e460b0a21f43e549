"""Five hundred planted secrets: none is found in anything that a kernel writes, sends or answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from retinue.bus.errors import RetinueError
from retinue.bus.redact import Secrets
from retinue.kernel import Kernel
from retinue.plugins import AgentSpec

LEAKY = Path(__file__).with_name("leaky.py")
COUNT = 500


class Blind(Secrets):
    """Takes no value in: as if nothing were redacted."""

    def register(self, value: str | bytes, name: str = "") -> None:
        """Nothing."""


@pytest.mark.redis
def test_no_planted_secret_is_found_anywhere(planted, tmp_path, wait_until) -> None:
    secrets = planted(COUNT)
    places = leave_traces(secrets.values, tmp_path, wait_until, Secrets())
    found = {place: secrets.found_in(*data) for place, data in places.items()}
    assert not any(found.values()), found
    assert all(len(b"".join(data)) > 1_000 for data in places.values()), (
        "there was nothing to search"
    )


@pytest.mark.redis
def test_the_search_finds_every_secret_when_nothing_is_redacted(
    planted, tmp_path, wait_until
) -> None:
    secrets = planted(COUNT)
    places = leave_traces(secrets.values, tmp_path, wait_until, Blind())
    found = {place: len(secrets.found_in(*data)) for place, data in places.items()}
    assert found["journal"] == COUNT
    assert found["stream"] == COUNT
    assert found["channels"] == COUNT
    assert found["texts"] > COUNT / 10
    assert found["answers"] > COUNT / 2
    assert found["errors"] > COUNT / 10


def leave_traces(
    values: list[str], folder: Path, wait_until: Any, secrets: Secrets
) -> dict[str, list[bytes]]:
    """Let a kernel work with the values; gives all the bytes that it left, by place."""
    errors: list[bytes] = []
    with Kernel(redis="auto", state_dir=folder, secrets=secrets) as kernel:
        url = kernel.status().bus.url
        with overheard(url, lambda: kernel.last_seq, wait_until) as channels:
            spawn(kernel)
            handles = [
                handle for n, v in enumerate(values) for handle in plant(kernel, n, v, errors)
            ]
            for handle in handles:
                try:
                    handle.result(timeout=60)
                except RetinueError as error:
                    errors.append(told(error))
            texts = spoken(kernel)
            answers = [msgspec.json.encode(answer) for answer in asked(kernel)]
        stream = stored(url)
    journal = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {
        "journal": journal,
        "stream": stream,
        "channels": channels,
        "texts": texts,
        "answers": answers,
        "errors": errors,
    }


def spawn(kernel: Kernel) -> None:
    """The leaky agents: on the loop, on a thread, and in a process of its own."""
    spec = spec_from_file_location("leaky_plugin", LEAKY)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    kernel.load(module.PLUGIN)
    kernel.spawn("parrot", AgentSpec.load(f"{LEAKY}:parrot"))
    kernel.spawn("leaky", AgentSpec.load(f"{LEAKY}:leaky"))
    kernel.spawn("plainly", AgentSpec.load(f"{LEAKY}:plainly"))
    kernel.spawn("apart", AgentSpec.load(f"{LEAKY}:leaky"), isolation="process")
    kernel.ways, kernel.dresses = module.WAYS, tuple(module.DRESSES)


def plant(kernel: Kernel, number: int, value: str, errors: list[bytes]) -> Iterator[Any]:
    """Give the kernel one secret, by a way of its own."""
    dress = kernel.dresses[number % len(kernel.dresses)]
    way = kernel.ways[number % len(kernel.ways)]
    door = number % 10
    if door == 9:
        kernel.secrets.register(value, f"known {number}")
        kernel.elements.create({"about": [value], value: 1}, {"from": value})
        yield kernel.submit("parrot", {"text": f"it is {value}"}, key=f"key {value}")
    elif door == 8:
        way = ("tool", "tool error")[number % 20 == 8]
        try:
            kernel.invoke("leaky.login", {"way": way, "text": f"<{value}>", "password": value})
        except RetinueError as error:
            errors.append(told(error))
    elif door == 7:
        yield kernel.submit("plainly", {"dress": dress, "secret": value})
    else:
        agent = "apart" if door == 6 else "leaky"
        yield kernel.submit(agent, {"way": way, "dress": dress, "secret": value})


def told(error: BaseException) -> bytes:
    """All that the error says."""
    return f"{error!r} {error} {error.__dict__}".encode()


def spoken(kernel: Kernel) -> list[bytes]:
    """What each task said in pieces, put together."""
    said: dict[str, str] = {}
    for event in kernel.events("start", follow=False):
        if event is not None and event.type == "agent.text":
            said[event.task] = said.get(event.task, "") + event.data["delta"]
    return [text.encode() for text in said.values()]


def asked(kernel: Kernel) -> Iterator[Any]:
    """Every view that there is."""
    yield kernel.status()
    yield kernel.agents()
    yield kernel.plugins()
    yield kernel.runs(limit=10_000)
    yield kernel.tasks(limit=10_000)
    yield [msgspec.to_builtins(element) for element in kernel.elements.list(10_000)]
    yield [e.data for e in kernel.events("start", follow=False) if e is not None]


@contextmanager
def overheard(url: str, last: Any, wait_until: Any) -> Iterator[list[bytes]]:
    """Everything that is published meanwhile, to its end."""
    heard: list[bytes] = []
    over = threading.Event()
    client = redis.Redis.from_url(url)
    channels = client.pubsub()
    channels.psubscribe("*")
    channels.get_message(timeout=5)

    def listen() -> None:
        while not over.is_set():
            message = channels.get_message(timeout=0.1)
            if message is not None and message["type"] == "pmessage":
                heard.append(message["channel"] + b" " + message["data"])

    thread = threading.Thread(target=listen)
    before = last()
    thread.start()
    try:
        yield heard
        wait_until(lambda: len(heard) >= last() - before, 30)
    finally:
        over.set()
        thread.join()
        channels.close()
        client.close()


def stored(url: str) -> list[bytes]:
    """What the server holds under all its keys."""
    with redis.Redis.from_url(url) as client:
        found: list[bytes] = []
        for key in client.scan_iter(count=1_000):
            kind = client.type(key)
            if kind == b"stream":
                entries = client.xrange(key)
                found += [part for _, fields in entries for pair in fields.items() for part in pair]
            else:
                found.append(client.dump(key))
            found.append(key)
        return found
