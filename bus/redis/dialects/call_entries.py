"""What ``agent-events`` says of calls: of models, of tools, and of searches among them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ...codec import decode
from ...envelope import Envelope
from ...errors import CodecError
from ...messages import LlmCalled, LlmReturned, ToolCalled, ToolReturned
from .tracks import CallTrack, Latest

__all__ = ["CallEntries"]

_EXTRACT = 200
"""Characters of a model's answer."""
_SEARCH = "files.search"
_TERMS = 32
_TERM = 200
"""Of a search's query at most so many terms, each cut at so many characters."""

Payload = dict[str, Any]
Said = Iterator[tuple[str, Payload]]


class CallEntries:
    """Types and payloads of entries for the events of calls, and the memory of those under way."""

    def __init__(self, keep: int) -> None:
        """``keep`` counts calls under way."""
        self._calls: Latest[CallTrack] = Latest(keep)
        self.writers: Mapping[str, Callable[[Envelope], Said]] = {
            "llm.called": self._llm_called,
            "llm.returned": self._llm_returned,
            "tool.called": self._tool_called,
            "tool.returned": self._tool_returned,
        }
        """By the type of the event; each raises ``CodecError`` for a malformed body."""

    def clear(self) -> None:
        """Forget everything."""
        self._calls.clear()

    def _llm_called(self, envelope: Envelope) -> Said:
        body = decode(envelope.body, LlmCalled)
        sha = body.prompt or None
        self._calls.put(body.call, CallTrack(sha))
        yield "llm_call_started", _model(envelope, body.model, sha)

    def _llm_returned(self, envelope: Envelope) -> Said:
        body = decode(envelope.body, LlmReturned)
        call = self._calls.take(body.call) or CallTrack()
        told = {
            **_model(envelope, body.model, call.digest),
            "duration": body.seconds,
            "token_usage": _usage(body),
            "cost_estimate": None,
            "extract": None if body.pieces is None else body.text[:_EXTRACT],
        }
        if body.error:
            told["exception"] = f"{body.error}: {body.cause}" if body.cause else body.error
        yield "llm_call_completed", told

    def _tool_called(self, envelope: Envelope) -> Said:
        body = decode(envelope.body, ToolCalled)
        digest = hashlib.sha256(body.args).hexdigest()
        query = _query(body.args) if body.tool == _SEARCH else None
        self._calls.put(body.call, CallTrack(digest, query))
        yield "tool_invoked", _tool(body.tool, digest)

    def _tool_returned(self, envelope: Envelope) -> Said:
        body = decode(envelope.body, ToolReturned)
        call = self._calls.take(body.call) or CallTrack()
        state = "ok" if body.ok else "unknown" if body.unknown else "failed"
        told = {"latency": body.seconds, "success": body.ok, "state": state}
        yield "tool_returned", {**_tool(body.tool, call.digest), **told}
        found = _found(body.result) if body.ok and body.tool == _SEARCH else None
        if found is not None:
            yield (
                "search_completed",
                {
                    "query_terms": call.query,
                    "page_count": len({(one.root, one.path) for one in found}),
                    "selected_count": len(found),
                    "time_spent": body.seconds,
                },
            )


class _Asked(msgspec.Struct):
    query: list[str] | str


class _Passage(msgspec.Struct):
    root: str
    path: str


def _model(envelope: Envelope, model: str, sha: str | None) -> Payload:
    told = {"node": envelope.task, "agent": envelope.agent}
    return {**told, "model": model, "prompt_sha": sha}


def _tool(name: str, digest: str | None) -> Payload:
    plugin, dot, function = name.rpartition(".")
    tool, api = (plugin, function) if dot else (name, None)
    return {"tool": tool, "api": api, "args_hash": digest}


def _usage(body: LlmReturned) -> Payload | None:
    """``None`` where the model told nothing of it."""
    total = body.input_tokens + body.output_tokens
    told = {"input_tokens": body.input_tokens, "output_tokens": body.output_tokens}
    return {**told, "total_tokens": total} if total else None


def _query(args: msgspec.Raw) -> list[str] | None:
    try:
        query = decode(bytes(args), _Asked).query
    except CodecError:
        return None
    terms = [query] if isinstance(query, str) else query[:_TERMS]
    return [term[:_TERM] for term in terms]


def _found(result: msgspec.Raw) -> list[_Passage] | None:
    """The passages; ``None`` for a tool of that name that gives something else."""
    try:
        return decode(bytes(result), list[_Passage])
    except CodecError:
        return None
