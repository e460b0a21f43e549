"""The readers in other languages: each event once, or a gap that is said."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest

from retinue.bus.topics import stream

pytestmark = pytest.mark.redis

LOG = stream("main")
# CI does not have to have Rust; elsewhere its absence is said.
RUST = shutil.which("rustc") is not None or os.environ.get("CI") != "true"
READERS = ("shell", "node", *(("rust",) if RUST else ()))


@pytest.fixture(params=READERS)
def tail(request, server, started, observer, tmp_path):
    """``tail()``: the reader of one language, as an observer, with the cursor that it kept."""
    address = server.url.removeprefix("redis://")
    cursor = str(tmp_path / "cursor")
    if request.param == "rust":
        command, words = request.getfixturevalue("rust"), (address, "tail", "main", cursor)
    else:
        script = {"shell": "tail.sh", "node": "tail.mjs"}[request.param]
        command = request.getfixturevalue(request.param)(script)
        words = (server.url, "main", cursor)
    return lambda: started(command, *words, user=observer)


@pytest.fixture
def stop(tmp_path, wait_until):
    """``stop(reader, seq)``: end it once it has kept its cursor at ``seq``."""
    saved = tmp_path / "cursor"

    def end(reader, seq):
        reader.wait_for_event(seq)
        wait_until(lambda: saved.exists() and re.search(rf"\b{seq}\b", saved.read_text()))
        reader.close()

    return end


@pytest.fixture
def client(server):
    client = server.client()
    yield client
    client.close()


def test_a_reader_prints_each_event_once_and_goes_on_where_it_ended(
    tail, stop, start_kernel, client, wait_until
):
    kernel = start_kernel()
    first = tail()
    say(kernel, "one")
    stop(first, kernel.last_seq)
    say(kernel, "two")
    second = tail()
    say(kernel, "three")
    second.wait_for_event(kernel.last_seq)
    mirrored(client, kernel, wait_until)
    entries = [fields[b"event"].decode() for _, fields in client.xrange(LOG)]
    assert first.lines + second.lines == entries
    assert first.sequences + second.sequences == list(range(1, kernel.last_seq + 1))
    assert first.gaps + second.gaps == []


def test_a_reader_says_which_events_were_trimmed_away(tail, stop, start_kernel, client, wait_until):
    kernel = start_kernel()
    first = tail()
    say(kernel, "one")
    seen = kernel.last_seq
    stop(first, seen)
    say(kernel, "two")
    say(kernel, "three")
    mirrored(client, kernel, wait_until)
    client.xtrim(LOG, minid=seen + 8, approximate=False)
    second = tail()
    second.wait_for_event(kernel.last_seq)
    second.wait_for(lambda it: it.gaps)
    assert second.gaps == [f"gap: {seen + 1} to {seen + 7}"]
    assert second.sequences == list(range(seen + 8, kernel.last_seq + 1))


@pytest.mark.parametrize("away", [True, False], ids=["away", "there"])
def test_a_reader_notices_that_a_new_journal_counts_from_one_again(
    away, tail, stop, start_kernel, client, wait_until
):
    kernel = start_kernel()
    reader = tail()
    say(kernel, "one")
    kernel.close()
    reader.wait_for(lambda it: it.lines and "kernel.stopped" in it.lines[-1])
    seen = reader.sequences[-1]
    if away:
        stop(reader, seen)
    kernel = start_kernel()
    for word in ("two", "three"):
        say(kernel, word)
    mirrored(client, kernel, wait_until)
    assert kernel.last_seq > seen
    if away:
        reader = tail()
        seen_before = 0
    else:
        seen_before = seen
    reader.wait_for(lambda it: it.sequences[seen_before:][-1:] == [kernel.last_seq])
    reader.wait_for(lambda it: it.gaps)
    assert reader.gaps == [f"gap: what followed {seen} is gone, and the numbers begin anew"]
    assert reader.sequences[seen_before:] == list(range(1, kernel.last_seq + 1))


def test_a_reader_whose_connections_are_cut_misses_and_repeats_nothing(tail, start_kernel, client):
    kernel = start_kernel()
    reader = tail()
    for word in "ab":
        say(kernel, word)
        reader.wait_for_event(kernel.last_seq)
        lost = reader.losses
        cut(client)
        reader.wait_for(lambda it, lost=lost: it.losses > lost)
    say(kernel, "c")
    reader.wait_for_event(kernel.last_seq)
    assert reader.sequences == list(range(1, kernel.last_seq + 1))
    assert reader.gaps == []


def test_the_shell_fills_a_gap_from_the_journal(
    shell, started, observer, server, start_kernel, client, wait_until
):
    kernel = start_kernel()
    say(kernel, "one")
    mirrored(client, kernel, wait_until)
    last = kernel.last_seq
    kept = [fields[b"event"].decode() for _, fields in client.xrange(LOG)]
    client.delete(LOG)
    reader = started(shell("fill.sh"), server.url, "main", "2", str(last), user=observer)
    reader.wait_for(lambda it: len(it.lines) == last - 1)
    assert (reader.lines, reader.said) == (kept[1:], [])


def test_the_shell_says_that_no_kernel_is_there_to_fill_a_gap(shell, started, server):
    reader = started(shell("fill.sh"), server.url, "main", "1", "2")
    reader.wait_for(lambda it: it.said)
    assert reader.said == ["no kernel main is there to answer: 0"]


def test_the_shell_prints_live_logs(shell, started, server, start_kernel, client, wait_until):
    reader = started(shell("live-logs.sh"), server.url)
    wait_until(lambda: client.pubsub_numsub("raro:live_logs") == [(b"raro:live_logs", 1)])
    say(start_kernel(), "one")
    reader.wait_for(lambda it: len(it.lines) == 3)
    categories = {json.loads(line)["category"] for line in reader.lines}
    assert categories == {"THOUGHT", "TOOL_CALL", "TOOL_RESULT"}


def test_node_prints_agent_events(node, started, server, start_kernel, client):
    say(start_kernel(), "one")
    reader = started(node("agent-events.mjs"), server.url)
    reader.wait_for(lambda it: any(" tool_returned " in line for line in it.lines))
    types = [line.split()[1] for line in reader.lines]
    assert types.count("tool_invoked") == types.count("tool_returned") == 1


if RUST:

    def test_rust_prints_orchestrator_events(
        rust, started, server, start_kernel, client, wait_until
    ):
        address = server.url.removeprefix("redis://")
        reader = started(rust, address, "listen", "orchestrator_events")
        name = b"orchestrator_events"
        wait_until(lambda: client.pubsub_numsub(name) == [(name, 1)])
        say(start_kernel(), "one")
        reader.wait_for(lambda it: len(it.lines) == 3)
        types = {json.loads(line)["type"] for line in reader.lines}
        assert types == {"reasoning", "text_generation", "tool_use"}


def say(kernel, text):
    assert kernel.submit("talks", {"text": text}).result(timeout=10) == text


def mirrored(client, kernel, wait_until):
    wait_until(lambda: client.exists(LOG) and newest(client) >= kernel.last_seq)


def newest(client):
    return int(client.xrevrange(LOG, count=1)[0][0].partition(b"-")[0])


def cut(client):
    """Every connection but this one, the kernel's as well."""
    for kind in ("normal", "pubsub"):
        client.client_kill_filter(_type=kind, skipme=True)
