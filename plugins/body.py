"""What a turn calls: an agent's function, or the ``run`` of its class, and what that takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from retinue.bus.errors import InvalidInput

from .parameters import Parameters
from .runner import Runner, Shape

__all__ = ["Body"]


class Body:
    """The code of an agent, read once; agents that differ only in their options share it."""

    def __init__(self, function: Callable[..., Any], what: str) -> None:
        """``what`` names the agent in errors; raises ``InvalidInput`` with rule and remedy."""
        run = _run_of(function, what) if isinstance(function, type) else function
        every = list(inspect.signature(run).parameters.values())
        own, rest = (every[:1], every[1:]) if isinstance(function, type) else ([], every)
        context = _context_of(rest, what)
        self._function = function
        self._takes_context = bool(context)
        self.is_async = Shape.of(run).is_async
        self.parameters = Parameters(run, own + context, what)

    def runner(self, what: str) -> Runner:
        """The code, ready for turns; runs nothing of the agent's yet."""
        return Runner(self._function, takes_context=self._takes_context, what=what)


def _run_of(kind: type, what: str) -> Callable[..., Any]:
    run = getattr(kind, "run", None)
    if not callable(run):
        raise InvalidInput(f"{what}: the class has no method run(self, ctx, …); give it one")
    try:
        inspect.signature(kind).bind()
    except TypeError:
        raise InvalidInput(
            f"{what}: the class takes arguments; give __init__ defaults, or set up in on_start"
        ) from None
    found: Callable[..., Any] = run
    return found


def _context_of(parameters: list[inspect.Parameter], what: str) -> list[inspect.Parameter]:
    """The first parameter, if it can be filled by position."""
    first = next(iter(parameters), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        return []
    note = first.annotation
    shown = note if isinstance(note, str) else inspect.formatannotation(note)
    if note is not first.empty and first.name != "ctx" and not shown.endswith(("Context", "Any")):
        raise InvalidInput(
            f"{what}: its first parameter '{first.name}: {shown}' would get the context; "
            f"write (ctx, {first.name}: {shown}, …)"
        )
    return [first]
