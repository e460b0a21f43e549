"""What the console makes of events: pure modules, in the browser that runs them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

FOLDED = """async ([name, given]) => {
  const lib = "/pages/console/lib/";
  const { Trace, wordsOf, toneOf } = await import(lib + "trace.js");
  const { foldAll, waitingFor } = await import(lib + "run.js");
  const { treeRows } = await import(lib + "tree.js");
  const { barsOf, span, ticks } = await import(lib + "timeline.js");
  const { Replay } = await import(lib + "replay.js");
  const { windowOf } = await import(lib + "window.js");
  const { globs, rowFilter } = await import(lib + "filter.js");
  const rowsOf = (events, most) => new Trace({ most }).add(events).rows;
  const shown = ({ run, trace }) => JSON.stringify([...run.tasks.values()])
    + JSON.stringify(trace.rows.map((row) => [row.types, wordsOf(row)]));
  const folds = {
    trace: ({ events, most }) => rowsOf(events, most).map((row) => (
      { ...row, words: wordsOf(row), tone: toneOf(row), kept: row.events.length })),
    filtered: ({ events, by }) => rowsOf(events).filter(rowFilter(by)).map(wordsOf),
    globs: ({ text, types }) => types.filter((type) => globs(text).some((glob) => glob(type))),
    tree: ({ events, shut }) => {
      const run = foldAll("r", events);
      return treeRows(run, new Set(shut)).map(({ depth, key, call, task }) => (
        [depth, key, call ? call.tone : task.state, waitingFor(task, run)]));
    },
    bars: ({ events, now }) => {
      const run = foldAll("r", events);
      return treeRows(run).map((row) => barsOf(row, { ...span(run, now), now }));
    },
    ticks, window: windowOf,
    replayed: ({ events }) => {
      const live = new Replay("r");
      const there = events.map((event) => {
        live.add([event]);
        return shown(live.seek(Infinity));
      });
      const back = new Replay("r");
      back.add(events);
      return there.every((_, at) => shown(back.seek(there.length - at)) === there.at(-1 - at));
    },
  };
  return folds[name](given);
}"""


@pytest.fixture(scope="module")
def fold(chromium, daemon) -> Any:
    """``fold(name, **given)``: one of the folds above."""
    page = chromium.new_page(base_url=daemon.url)
    page.goto("/")
    yield lambda name, **given: page.evaluate(FOLDED, [name, given])
    page.close()


class Story:
    """Events of one run, a second after each other."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.events: list[dict[str, Any]] = []

    def tell(self, type: str, task: str = "t1", agent: str = "writer", **data: Any) -> Story:
        """One more event."""
        seq = len(self.events) + 1
        self.events.append(
            {
                "seq": seq,
                "at": seq * 1000,
                "id": f"e-{seq}",
                "type": type,
                "run": "r",
                "task": task,
                "agent": agent,
                "data": data,
            }
        )
        return self

    def began(self, task: str = "t1", agent: str = "writer", **data: Any) -> Story:
        """A task that runs."""
        for verb in ("submitted", "queued", "scheduled", "running"):
            self.tell(f"task.{verb}", task, agent, **(data if verb == "submitted" else {}))
        return self


def test_a_call_its_progress_and_its_end_are_one_row(fold):
    story = Story().began(input={"text": "tea"})
    story.tell("tool.called", call="c1", tool="clock.now", args={"zone": "UTC"})
    story.tell("tool.called", call="c2", tool="clock.now", args={"zone": "CET"})
    story.tell("tool.progress", call="c1", tool="clock.now", done=1, total=2)
    story.tell("tool.returned", call="c2", tool="clock.now", ok=False, seconds=1, error="Late: no")
    story.tell("tool.returned", call="c1", tool="clock.now", ok=True, seconds=3, result="noon")
    task, first, second = fold("trace", events=story.events)
    assert task["types"] == ["task.submitted", "task.queued", "task.scheduled", "task.running"]
    assert (first["words"], first["tone"]) == ('{"zone":"UTC"} → noon', "good")
    assert (second["words"], second["tone"]) == ('{"zone":"CET"} → Late: no', "bad")
    assert first["types"] == ["tool.called", "tool.progress", "tool.returned"]


def test_text_of_one_task_grows_in_one_row_until_something_else_happens(fold):
    story = Story()
    for word in ("tea ", "is "):
        story.tell("agent.text", delta=word).tell("agent.text", "t2", delta=word.upper())
    story.tell("agent.thought", text="enough").tell("agent.text", delta="hot")
    rows = fold("trace", events=story.events)
    assert [row["words"] for row in rows] == ["tea is", "TEA IS", "enough", "hot"]


def test_what_a_row_and_a_trace_hold_is_bounded(fold):
    story = Story()
    for number in range(500):
        story.tell("agent.text", delta=f"word {number} ")
    (row,) = fold("trace", events=story.events)
    assert row["pieces"] == 500
    assert row["kept"] <= 12
    many = Story()
    for number in range(300):
        many.tell("agent.thought", text=str(number))
    rows = fold("trace", events=many.events, most=100)
    assert 100 <= len(rows) <= 105
    assert rows[-1]["words"] == "299"


def test_a_gap_says_what_is_missing_and_passes_every_filter(fold):
    gap = {"gap": True, "first": 3, "last": 9, "reason": "slow", "dropped": 4}
    said = fold("filtered", events=[*Story().tell("agent.thought").events, gap], by={"type": "x"})
    assert said == ["Missing: 4 events of events 3 to 9, as this page read too slowly"]


def test_types_are_told_by_globs_and_by_nouns(fold):
    types = ["tool.called", "tool.returned", "task.failed", "run.failed", "toolbox.x"]
    for text, wanted in {
        "tool": types[:2],
        "*.failed": types[2:4],
        "tool.called, run.*": [types[0], types[3]],
        "t???.called": types[:1],
        "tool.(": [],
    }.items():
        assert fold("globs", text=text, types=types) == wanted, text


def test_every_word_of_a_search_has_to_be_there_in_any_case(fold):
    story = Story().tell("agent.thought", text="Green Tea").tell("agent.thought", text="green")
    assert fold("filtered", events=story.events, by={"text": "TEA green"}) == ["Green Tea"]


def test_a_tree_has_who_asked_whom_and_says_what_is_waited_for(fold):
    story = Story().began(agent="editor")
    story.began("t2", parent="t1").tell("tool.called", "t2", call="c1", tool="clock.sleep")
    assert fold("tree", events=story.events, shut=[]) == [
        [1, "t1", "running", "writer (t2)"],
        [2, "t2", "running", "tool clock.sleep"],
        [3, "c1", "", "tool clock.sleep"],
    ]
    story.tell("task.attempt_failed", "t2", attempt=1, kind="OSError", cause="no", retry_in=2)
    story.tell("task.queued", "t2", attempt=2, delay=2.0)
    tree = fold("tree", events=story.events, shut=[])
    assert tree[1][2:] == ["queued", "the end of a back-off of 2.0 s"]
    assert tree[2][2] == "warn"
    assert len(fold("tree", events=story.events, shut=["t2"])) == 2


def test_a_task_that_asked_for_a_word_waits_for_it_until_it_is_given(fold):
    story = Story().began().tell("tool.called", call="c1", tool="wire")
    story.tell("approval.requested", approval="p1", action="call", resource="wire")
    assert fold("tree", events=story.events)[0][3] == "somebody's word on call wire"
    story.tell("approval.granted", approval="p1", by="ann")
    assert fold("tree", events=story.events)[0][3] == "tool wire"


def test_bars_wait_go_on_and_end_and_marks_are_tries(fold):
    story = Story().began()
    story.tell("task.attempt_failed", attempt=1, kind="OSError", cause="no", retry_in=1)
    story.tell("task.queued", attempt=2, delay=1.0).tell("task.running", attempt=2)
    (row,) = fold("bars", events=story.events, now=11_000)
    looks = [(bar["look"], bar["tone"]) for bar in row["bars"]]
    assert looks == [("waits", "plain"), ("done", "bad"), ("waits", "plain"), ("open", "plain")]
    assert row["bars"][-1]["left"] + row["bars"][-1]["width"] == 1
    assert [mark["title"] for mark in row["marks"]] == ["attempt 2"]
    story.tell("task.succeeded", result=1)
    (row,) = fold("bars", events=story.events, now=11_000)
    assert (row["bars"][-1]["look"], row["bars"][-1]["tone"]) == ("done", "good")


def test_a_scale_has_round_times(fold):
    assert fold("ticks", **{"from": 0, "to": 1126}) == [0, 500, 1000]
    assert fold("ticks", **{"from": 5, "to": 65_005}) == [0, 20_000, 40_000, 60_000]


def test_a_run_played_backwards_shows_the_same_as_while_it_went_on(fold, daemon):
    daemon.done("editor", text="tea", n=3)
    run = daemon.client.get("/v1/runs", list[dict[str, Any]])[0]["id"]
    recording = daemon.client.get(f"/v1/runs/{run}/recording", dict)
    events = [
        {**moment["event"], "seq": moment["seq"], "at": round(moment["at"] * 1000)}
        for moment in recording["moments"]
    ]
    assert len(events) > 30
    assert fold("replayed", events=events) is True


def test_only_the_rows_that_are_looked_at_are_drawn(fold):
    shape = {"count": 5000, "top": 2800, "height": 280, "row": 28}
    assert fold("window", **shape) == {"first": 94, "end": 117, "offset": 2632, "total": 140_000}
    opened = fold("window", **{**shape, "top": 2828}, open=99, more=300)
    assert (opened["first"], opened["total"]) == (93, 140_300)
    assert fold("window", **{**shape, "count": 3})["end"] == 3


def test_hostile_text_is_text(page, daemon):
    hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    daemon.done("writer", text=hostile)
    row = page.get_by_role("row").filter(has_text="thinking about").last
    expect(row).to_contain_text(hostile)
    assert page.title() == "Now · Retinue"
