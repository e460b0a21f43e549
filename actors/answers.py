"""From recorded answers back to what tools and models gave: values, pieces and errors. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus import errors
from retinue.bus.messages import LlmReturned, ToolReturned
from retinue.plugins.llm.model import Delta, ModelRefused, Usage

__all__ = ["error_of", "is_cut_off", "pieces_of", "raised", "value_of"]

_ERRORS: dict[str, type[Exception]] = {
    **{name: getattr(errors, name) for name in errors.__all__},
    "ModelRefused": ModelRefused,
    "ValueError": ValueError,
    "TypeError": TypeError,
    "KeyError": KeyError,
    "RuntimeError": RuntimeError,
    "TimeoutError": TimeoutError,
    "OSError": OSError,
    "ConnectionError": ConnectionError,
    "PermissionError": PermissionError,
    "FileNotFoundError": FileNotFoundError,
    "IndexError": IndexError,
    "LookupError": LookupError,
    "ZeroDivisionError": ZeroDivisionError,
}


def pieces_of(answer: LlmReturned) -> list[Delta]:
    """The text in its pieces; what it cost, and how it ended, come with the last."""
    texts: list[str] = []
    start = 0
    pieces = answer.pieces or ()
    for size in pieces:
        texts.append(answer.text[start : start + size])
        start += size
    if texts and start < len(answer.text):
        texts[-1] += answer.text[start:]
    deltas = [Delta(text) for text in texts]
    ends = answer.finish or answer.input_tokens or answer.output_tokens
    if deltas and ends:
        counted = answer.input_tokens or answer.output_tokens
        usage = Usage(answer.input_tokens, answer.output_tokens) if counted else None
        deltas[-1] = Delta(deltas[-1].text, usage, answer.finish or None)
    return deltas


def value_of(answer: ToolReturned) -> Any:
    """The result as the tool gave it; as bare JSON where decoding would not give the same bytes."""
    value = msgspec.json.decode(answer.result)
    return value if msgspec.json.encode(value) == bytes(answer.result) else answer.result


def error_of(kind: str, cause: str) -> BaseException:
    """An error of that kind with that message: one of ours, a common one, or one by that name."""
    known = _ERRORS.get(kind, Exception)
    named = known if known.__name__ == kind and known is not KeyError else _named(kind, known)
    # Not called: some take parts from which they would make another message.
    error: BaseException = named.__new__(named)
    error.args = (cause,) if cause else ()
    if known is ModelRefused:
        error.__dict__.update(status=0, retry_after=None)
    return error


def _named(kind: str, base: type[Exception]) -> type[Exception]:
    """A type of that name; ``str`` of a ``KeyError`` would quote its message."""
    return type(kind, (base,), {"__str__": lambda self: str(self.args[0]) if self.args else ""})


def is_cut_off(answer: ToolReturned) -> bool:
    """Whether the call did not answer but was broken off: by a cancel, a deadline or an end."""
    if answer.ok:
        return False
    kind = answer.error.partition(":")[0]
    limit = f"DeadlineExceeded: {answer.tool} did not return within"
    return kind in ("CancelledError", "GeneratorExit") or answer.error.startswith(limit)


def raised(answer: ToolReturned) -> BaseException:
    """The error that a tool's answer tells, ``Kind: message``."""
    kind, _, cause = answer.error.partition(": ")
    return error_of(kind, cause)
