"""The agents: a desk that leads, a librarian, a writer and a critic. Written with the SDK alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from retinue.plugins import AgentSpec, Context, agent
from retinue.plugins.llm import complete, prompts

from .passages import Passage, plain, to_the_point
from .review import Review, review

__all__ = ["LEAD", "TEAM", "Report", "Source", "critic", "desk", "librarian", "writer"]

_PASSAGES = 2
_TRIES = 2
_PATIENCE = 120.0
"""Seconds that one agent waits for another."""
_SENTENCE_ENDS = (". ",)


class Source(msgspec.Struct, frozen=True):
    """Where an answer comes from: a file below the folder, and a line of it, from 1."""

    path: str
    line: int


class Report(msgspec.Struct, frozen=True):
    """What the desk hands over; ``answer`` is empty when the folder says nothing about it."""

    answer: str = ""
    supported: bool = False
    objection: str = ""
    sources: list[Source] = []


@agent
async def desk(ctx: Context, question: str) -> Report:
    """Leads the others: passages, an answer from them, a check, and at most one more try."""
    found = await ctx.ask("librarian", question=question, timeout=_PATIENCE)
    if not found:
        return Report(objection="no passage in the folder speaks of this")
    passages = msgspec.convert(found, list[Passage])
    said, checked = "", Review(supported=False)
    for _ in range(_TRIES):
        given = {"question": question, "passages": found, "objection": checked.objection}
        said = await ctx.ask("writer", given, timeout=_PATIENCE)
        given = {"question": question, "answer": said, "passages": found}
        checked = msgspec.convert(await ctx.ask("critic", given, timeout=_PATIENCE), Review)
        if checked.supported:
            break
    sources = _sources(checked.evidence, passages)
    return Report(said, checked.supported, checked.objection, sources)


@agent(tools=["files.search", "files.read"])
async def librarian(ctx: Context, question: str) -> list[Passage]:
    """Plans keywords, searches the folder, and reads what is to the point."""
    words = await _keywords(ctx, question)
    ctx.thought(f"looking for {', '.join(words)}")
    hits = await ctx.call("files.search", query=list(words), limit=5)
    chosen = to_the_point(question, hits, _PASSAGES)
    if not chosen:
        ctx.thought("nothing here is to the point")
    return [await _read(ctx, hit) for hit in chosen]


@agent
async def writer(ctx: Context, question: str, passages: list[Passage], objection: str = "") -> str:
    """Streams an answer from the passages; after an objection from their best sentence alone."""
    texts = [passage.text for passage in passages]
    if objection:
        ctx.thought(f"once more, closer to the text: {objection}")
        texts = prompts.best_sentences(question, texts, 1)
    said = await _streamed(ctx, prompts.answer(question, texts))
    return prompts.read_quote(said, texts, 1)


@agent
async def critic(ctx: Context, question: str, answer: str, passages: list[Passage]) -> Review:
    """Checks an answer against the passages, and that it is one to the question."""
    texts = [passage.text for passage in passages]
    prompt = prompts.evidence(answer, texts)
    quoted = await complete(ctx.model, prompt.messages, **prompt.options())
    found = review(question, answer, quoted.text, texts)
    ctx.thought(f"supported by “{found.evidence}”" if found.supported else found.objection)
    return found


async def _streamed(ctx: Context, prompt: prompts.Prompt) -> str:
    """One sentence, as it comes. The full stop ends the stream, and so is not part of it."""
    options = prompt.options() | {"stop": (*prompt.stop, *_SENTENCE_ENDS)}
    said = ""
    async with aclosing(ctx.model.stream(prompt.messages, **options)) as stream:
        async for delta in stream:
            said += delta.text
            stopped = delta.finish and said and not said.endswith((".", "!", "?"))
            ctx.text(delta.text + "." if stopped else delta.text)
            said += "." if stopped else ""
    return said


async def _keywords(ctx: Context, question: str) -> tuple[str, ...]:
    """The model's choice first, and all the other words of the question, which it may overlook."""
    prompt = prompts.keywords(question)
    chosen = await complete(ctx.model, prompt.messages, **prompt.options())
    try:
        return prompts.read_keywords(question, chosen.text, count=8)
    except ValueError as error:
        ctx.thought(f"the plan is out of form ({error}); taking the question's own words")
        return prompts.read_keywords(question, '{"keywords": []}', count=8)


async def _read(ctx: Context, hit: Mapping[str, Any]) -> Passage:
    lines = hit["text"].count("\n") + 1
    got = await ctx.call("files.read", path=hit["path"], line=hit["line"], lines=lines)
    return Passage(hit["path"], hit["line"], plain(got["text"]))


def _sources(evidence: str, passages: Sequence[Passage]) -> list[Source]:
    """The passages that hold the evidence; all of them when none does by itself."""
    holding = [p for p in passages if evidence and evidence in p.text]
    return [Source(p.path, p.line) for p in holding or passages]


LEAD = desk.name
TEAM: tuple[AgentSpec, ...] = (desk, librarian, writer, critic)
