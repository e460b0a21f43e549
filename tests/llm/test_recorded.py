"""What the real model streamed once, replayed exactly; scripts/record-streams records it anew."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest

from retinue.plugins.llm import Message, complete, prompts
from retinue.plugins.llm.parsing import FieldText, JsonText
from retinue.plugins.llm.scripted import ScriptedModel, read_recording

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.jsonl"))


def recording(name):
    return Path(__file__).parent / "recorded" / f"{name}.jsonl"


def replayed(path):
    async def deltas():
        async with aclosing(ScriptedModel.replay(path).stream([])) as stream:
            return [delta async for delta in stream]

    return asyncio.run(deltas())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recording_replays_as_it_was_recorded(path):
    assert replayed(path) == read_recording(path)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recording_ends_with_one_finish_and_its_cost(path):
    deltas = read_recording(path)
    assert [delta.finish for delta in deltas if delta.finish] in (["stop"], ["length"])
    assert sum(bool(delta.text) for delta in deltas) <= deltas[-1].usage.output_tokens


def test_json_that_a_real_model_wrapped_in_code_and_prose_is_found():
    parser = JsonText()
    found = "".join(parser.feed(delta.text) for delta in replayed(recording("fenced")))
    assert json.loads(found) == {"name": "Paris", "country": "France"}


def test_a_field_grows_token_by_token_as_a_real_model_writes_it():
    field = FieldText("country")
    grown = [field.feed(delta.text) for delta in replayed(recording("schema"))]
    assert [piece for piece in grown if piece] == ["FR", "ANCE"]


def test_what_a_real_model_added_to_its_quote_is_dropped():
    passage = ["Every ask has a deadline. The default is 30 seconds."]
    said = asyncio.run(complete(ScriptedModel.replay(recording("quote")), []))
    assert "rejected" in said.text
    assert prompts.read_quote(said.text, passage) == passage[0]


@pytest.mark.model
def test_the_real_model_still_streams_what_was_recorded(local_model):
    """Up to the first comma: later tokens may differ from one processor to another."""
    story = "".join(delta.text for delta in read_recording(recording("story")))
    asked = Message("user", "Tell a story about a fox.")
    said = asyncio.run(complete(local_model, [asked], max_tokens=8))
    assert said.text.split(",")[0] == story.split(",")[0]
