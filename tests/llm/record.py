"""Record what the real local model streams, one delta a line, into tests/llm/recorded/."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import msgspec

from retinue.plugins.llm import Message, prompts, schema_of
from retinue.plugins.llm.local import LocalModel

FOLDER = Path(__file__).parent / "recorded"
PASSAGE = "Every ask has a deadline. The default is 30 seconds."


class City(msgspec.Struct):
    name: str
    country: str


def asked() -> dict[str, prompts.Prompt]:
    """The name of each recording, and what is asked for it."""
    city = 'Write a JSON object with the keys "name" and "country" for Paris, in a code block.'
    return {
        "story": prompts.Prompt((Message("user", "Tell a story about a fox."),), max_tokens=60),
        "schema": prompts.Prompt(
            (Message("user", "Paris is in France. Name the city and the country."),),
            schema_of(City),
        ),
        "fenced": prompts.Prompt((Message("user", city),), max_tokens=120),
        "quote": prompts.answer("How long does an ask wait by default?", [PASSAGE]),
    }


async def record(model: LocalModel, name: str, prompt: prompts.Prompt) -> None:
    """Write ``name``.jsonl: a note with the question, then the deltas."""
    stream = model.stream(prompt.messages, **prompt.options())
    async with aclosing(stream):
        deltas = [msgspec.json.encode(delta).decode() async for delta in stream]
    note = f"# {model.name}, temperature 0: {prompt.messages[-1].content!r}"
    (FOLDER / f"{name}.jsonl").write_text("\n".join([note, *deltas, ""]), encoding="utf-8")


async def main() -> None:
    with LocalModel() as model:
        for name, prompt in asked().items():
            await record(model, name, prompt)


if __name__ == "__main__":
    asyncio.run(main())
