"""Events as a browser's ``EventSource`` or any HTTP client follows them, with one cursor."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading

import pytest

from retinue.bus.errors import NotFound
from retinue.bus.journal import MemoryStore
from retinue.bus.redis.dialects import OrchestratorEvents
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.wire import ObservedEvent
from retinue.kernel.api.live import arrivals

from .conftest import Sent, _Unix, serving

EVENTS = ("Accept: text/event-stream",)


def test_an_event_is_its_seq_its_type_and_the_wire_form(served):
    run = served.talk()
    (whole,) = [e for e in served.events(run=run) if e.type == "tool.called"]
    with served.sent(f"/v1/events?from=start&run={run}&type=tool.called") as sent:
        blocks = sent.blocks()
        assert next(blocks) == {"retry": "1000"}
        block = next(blocks)
    assert (block["id"], block["event"]) == (str(whole.seq), "tool.called")
    data = json.loads(block["data"])
    assert (data["specversion"], int(data["sequence"])) == ("1.0", whole.seq)
    assert data["data"] == whole.data


def test_json_lines_stay_what_is_sent_to_those_who_do_not_ask_for_another_form(served):
    connection = _Unix(served.path)
    connection.request("GET", "/v1/events?from=1&to=2")
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["sequence"][-1] for line in answer.read().splitlines()] == ["1", "2"]
    connection.close()


def test_a_reader_that_comes_back_goes_on_after_its_last_event(served):
    served.talk()
    with served.sent() as sent:
        seen = list(itertools.islice(sent.items(), 5))
        assert sent.last_id == "5"
    with served.sent("/v1/events?from=2", Last_Event_ID=sent.last_id) as again:
        assert next(again.items()).seq == 6
    assert [event.seq for event in seen] == [1, 2, 3, 4, 5]


def test_the_cursor_that_submit_hands_out_misses_nothing_of_the_run(served):
    answer = served.client.post("/v1/tasks", dict, {"agent": "shout", "input": {"text": "a"}})
    with served.sent(
        f"/v1/events?run={answer['run']}", Last_Event_ID=str(answer["cursor"])
    ) as sent:
        types = [event.type for event in itertools.islice(sent.items(), 3)]
    assert types == ["run.started", "task.submitted", "task.queued"]


@pytest.mark.redis
def test_one_cursor_goes_for_redis_and_for_server_sent_events(tmp_path):
    with serving(tmp_path, redis="auto", state_dir=tmp_path / "state") as served:
        body = {"agent": "shout", "input": {"text": "a"}}
        task = served.client.post("/v1/tasks", dict, body, {"wait": 30})
        cursor, run = task["cursor"], task["run"]
        url = served.kernel.status().bus.url
        with Subscriber(url, start=cursor, run=run) as subscriber:
            mirrored = list(itertools.islice(subscriber.read(timeout=10), 4))
        with served.sent(f"/v1/events?run={run}", Last_Event_ID=str(cursor)) as sent:
            streamed = list(itertools.islice(sent.items(), 4))
        assert [event.seq for event in mirrored] == [event.seq for event in streamed]
        with served.sent(f"/v1/events?run={run}", Last_Event_ID=str(mirrored[1].seq)) as sent:
            assert next(sent.items()).seq == mirrored[2].seq


def test_one_event_is_had_whole_by_its_number(served):
    run = served.talk(text="long " * 20_000)
    thought = next(e for e in served.events(run=run) if e.type == "agent.thought")
    shown = served.client.get(f"/v1/events/{thought.seq}", dict)
    assert shown["data"] == thought.data
    with served.sent(f"/v1/events?from={thought.seq}") as sent:
        referred = next(sent.items())
    assert (referred.dataref, referred.databytes) == (
        f"/v1/events/{thought.seq}",
        len(thought.body),
    )
    with pytest.raises(NotFound, match="no event 99999 yet"):
        served.client.get("/v1/events/99999", dict)


def test_events_can_be_asked_for_up_to_a_number_and_the_answer_ends(served):
    served.talk()
    with served.sent("/v1/events?from=3&to=5") as sent:
        assert [event.seq for event in sent.items()] == [3, 4, 5]


def test_a_reader_up_to_an_event_that_is_still_to_come_waits_for_it(served):
    last = served.kernel.last_seq
    with served.sent(f"/v1/events?from=now&to={last + 3}") as sent:
        served.talk()
        assert [event.seq for event in sent.items()] == [last + 1, last + 2, last + 3]


def test_without_names_a_browser_gets_every_event_as_a_message(served):
    with served.sent("/v1/events?from=1&to=2&named=false") as sent:
        assert [block.get("event") for block in sent.blocks() if "data" in block] == [None, None]


def test_a_heartbeat_moves_the_cursor_past_what_was_not_wanted(served):
    served.talk()
    with served.sent("/v1/events?from=start&type=no.such&heartbeat=1") as sent:
        beat = next(block for block in sent.blocks() if "" in block)
    assert (beat[""], int(beat["id"])) == ("heartbeat", served.kernel.last_seq)


def test_a_reader_that_is_too_slow_is_told_what_it_missed_and_can_have_it(served, wait_until):
    with served.stuck("/v1/events?from=now&type=agent.thought", *EVENTS) as stuck:
        wait_until(lambda: any(client.group for client in served.hub.clients))
        served.talk(thoughts=3000, text="x" * 200)
        (client,) = served.hub.clients
        wait_until(lambda: client.backlog.dropped)
        thoughts = [e.seq for e in served.events(type="agent.thought")]
        wait_until(lambda: served.hub.position >= thoughts[-1])
        items = _until(stuck, thoughts[-1])
    gaps = [item for item in items if not isinstance(item, ObservedEvent)]
    assert [gap["reason"] for gap in gaps] == ["slow"] * len(gaps)
    filled = []
    for gap in gaps:
        with served.sent(gap["how_to_fill"].removeprefix("GET ")) as fill:
            found = [event.seq for event in fill.items()]
        assert (found[0], found[-1], len(found)) == (gap["first"], gap["last"], gap["dropped"])
        filled += found
    got = [item.seq for item in items if isinstance(item, ObservedEvent)]
    assert filled
    assert sorted(got + filled) == thoughts


def test_a_slow_reader_that_would_rather_wait_misses_nothing(served, wait_until):
    with served.stuck("/v1/events?from=now&type=agent.thought&slow=wait", *EVENTS) as stuck:
        wait_until(lambda: any(client.group for client in served.hub.clients))
        served.talk(thoughts=3000, text="x" * 200)
        thoughts = [e.seq for e in served.events(type="agent.thought")]
        items = _until(stuck, thoughts[-1])
    assert [item.seq for item in items] == thoughts


def test_what_was_trimmed_is_told_exactly(tmp_path):
    with serving(tmp_path, store=MemoryStore(max_events=64)) as served:
        served.talk(thoughts=200)
        with served.sent("/v1/events?from=3") as sent:
            gap, event = itertools.islice(sent.items(), 2)
        assert (gap["first"], gap["last"], gap["reason"]) == (3, event.seq - 1, "trimmed")
        assert event.previous == gap["last"]
        with served.sent("/v1/events?from=start") as sent:
            assert next(sent.items()).seq == event.seq
        answer = _asked(served, "/v1/events/3")
        assert (answer.status, json.load(answer)["title"]) == (410, "NotFound")


def test_events_that_a_filter_leaves_out_are_no_gap_to_a_reader_of_previous(served):
    served.talk()
    with served.sent("/v1/events?from=start&follow=false&type=run.*&type=tool.*") as sent:
        events = list(sent.items())
    assert [e.previous for e in events] == [0, *[e.seq for e in events[:-1]]]


@pytest.mark.parametrize("fits", [0, 5])
def test_what_did_not_fit_on_its_way_is_read_from_the_journal(
    served, wait_until, monkeypatch, fits
):
    monkeypatch.setattr(arrivals, "MAX_EVENTS", fits)
    with served.sent("/v1/events?from=now&type=agent.thought") as sent, _console(served) as console:
        wait_until(lambda: all(client.group for client in served.hub.clients))
        served.talk(thoughts=300)
        served.kernel.submit("shout", {"text": "the last"}).result(timeout=30)
        thoughts = [e.seq for e in served.events(type="agent.thought")]
        assert [e.seq for e in itertools.islice(sent.items(), 301)] == thoughts
        assert [json.loads(console.recv(10))["seq"] for _ in thoughts] == thoughts


def test_a_dialect_that_fails_is_told_to_its_listeners_and_harms_no_other(served, monkeypatch):
    def broken(*_):
        raise RuntimeError("no such word")

    monkeypatch.setattr(OrchestratorEvents, "project", broken)
    with served.sent("/v1/events?from=now") as sent, _console(served) as console:
        served.talk()
        problem = json.loads(console.recv(10))
        assert (problem["type"], problem["problem"]["status"]) == ("problem", 500)
        assert "no such word" in problem["problem"]["detail"]
        assert any(item.type == "run.succeeded" for item in sent.items())


@pytest.mark.parametrize("seed", range(8))
def test_a_connection_that_is_cut_anywhere_loses_and_repeats_nothing(served, seed):
    chance = random.Random(seed)
    slow = chance.choice(["wait", "drop"])
    talking = threading.Thread(target=served.talk, args=(600, "x" * chance.randrange(300)))
    talking.start()
    seen: list[int] = []
    told: set[int] = set()
    cursor = "0"
    while not seen or seen[-1] < 600:
        with served.sent(f"/v1/events?from=1&slow={slow}", Last_Event_ID=cursor) as sent:
            data = b"".join(
                sent.response.read1(chance.randrange(1, 40_000))
                for _ in range(chance.randrange(1, 4))
            )
        for block in data.split(b"\n\n")[:-1]:
            if block.startswith(b"event: gap"):
                gap = json.loads(block.partition(b"\ndata: ")[2])
                told |= set(range(gap["first"], gap["last"] + 1))
            elif b"\ndata:" in block:
                cursor = block.split(b"\n")[0].removeprefix(b"id: ").decode()
                seen.append(int(cursor))
    talking.join(30)
    assert seen == sorted(set(seen))
    assert set(seen) | told == set(range(1, seen[-1] + 1))
    assert slow == "drop" or not told


def test_a_connection_that_is_not_read_is_cut(served, wait_until):
    served.hub.stalled_after = 0.0
    with served.stuck("/v1/events?from=start", *EVENTS) as stuck:
        served.talk(thoughts=2000, text="x" * 500)
        wait_until(lambda: served.hub.cut and not served.hub.clients)
        _drained(stuck)


def test_the_daemon_stops_at_once_with_clients_that_do_not_read(served, wait_until, caplog):
    with served.stuck("/v1/events?from=start", *EVENTS):
        served.talk(thoughts=2000, text="x" * 500)
        wait_until(lambda: any(client._writing_since for client in served.hub.clients))
        assert served.server.close(timeout=10)
    assert "graceful shutdown exceeded" not in caplog.text


def test_a_rate_is_kept_and_nothing_is_lost_by_it(served):
    served.talk(thoughts=300)
    with served.sent("/v1/events?from=start&rate=200") as sent:
        items = list(itertools.islice(sent.items(), 300))
    assert [item.seq for item in items] == list(range(1, 301))


@pytest.mark.parametrize(
    ("path", "header", "word"),
    [
        ("/v1/events?from=0", "", "from=0"),
        ("/v1/events?from=1e3", "", "from=1e3"),
        ("/v1/events?from=" + "9" * 40, "", "sequence number"),
        ("/v1/events?to=0", "", "to"),
        ("/v1/events?slow=never", "", "wait or drop"),
        ("/v1/events?rate=0", "", "rate"),
        ("/v1/events", "x", "Last-Event-ID"),
        ("/v1/events", "-1", "Last-Event-ID"),
        ("/v1/events/0", "", "number"),
        ("/v1/events/now", "", "number"),
        ("/v1/events/%00", "", "number"),
    ],
)
def test_a_wrong_question_is_a_problem(standing, path, header, word):
    with standing.sent(path, **({"Last_Event_ID": header} if header else {})) as sent:
        assert sent.response.status == 400
        assert word in json.loads(sent.response.read())["detail"]


def test_projecting_needs_no_redis_package():
    import subprocess
    import sys

    check = "import sys; import retinue.kernel.api.app; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", check], check=True, timeout=30)


def _console(served):
    return served.socket("/ws/orchestrator?seq=true&type=reasoning")


def _until(stuck, last: int) -> list[ObservedEvent | dict]:
    """What a reader gets that begins to read at last, up to an event."""
    sent = Sent.__new__(Sent)
    sent.last_id = ""
    sent.response = http.client.HTTPResponse(stuck)
    sent.response.begin()
    items = []
    for item in sent.items():
        items.append(item)
        if isinstance(item, ObservedEvent) and item.seq == last:
            return items
    return items


def _drained(stuck) -> None:
    try:
        while stuck.recv(65536):
            pass
    except ConnectionResetError:
        pass


def _asked(served, path) -> http.client.HTTPResponse:
    connection = _Unix(served.path)
    connection.request("GET", path)
    return connection.getresponse()
