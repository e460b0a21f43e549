"""``@agent``: a function or a class that works on tasks, one turn for each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from retinue.bus.errors import InvalidInput

from .docstrings import describe
from .parameters import Parameters
from .references import find, reference_of
from .runner import Runner, Shape
from .tools import Tool, check_name, check_seconds

if TYPE_CHECKING:
    from .llm.model import ChatModel

__all__ = ["AgentSpec", "Isolation", "agent"]

Isolation = Literal["shared", "thread", "process"]
"""Where turns run: on the agents' loop, on a thread of the agent's own, or in a child process."""

_OPTIONS = ("name", "description", "tools", "model", "isolation", "attempts", "attempt_timeout")


class AgentSpec:
    """What an agent is; called directly it is the plain function or class. Never changes."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        tools: Iterable[str | Tool | Callable[..., Any]] = (),
        model: str | ChatModel | None = None,
        isolation: Isolation | None = None,
        attempts: int = 1,
        attempt_timeout: float | None = None,
    ) -> None:
        """As ``@agent``. Raises ``InvalidInput`` that names the agent, the rule and the remedy."""
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name = check_name("agent", name or _plain_name(function))
        self.description = describe(function.__doc__) if description is None else description
        self.tools = tuple(t if isinstance(t, str) else Tool.of(t) for t in tools)
        self.model = model
        body = _body(function, self._what)
        self.is_async = Shape.of(body).is_async
        self.isolation = self._check_isolation(isolation)
        self.attempts = self._check_attempts(attempts)
        self.attempt_timeout = check_seconds(attempt_timeout, f"{self._what}: attempt_timeout")
        self._context = _context_of(function, body, self._what)
        self._parameters = Parameters(body, self._taken(body), self._what)

    @classmethod
    def of(cls, agent: AgentSpec | Callable[..., Any], **options: Any) -> AgentSpec:
        """The spec itself, or of a bare function or class; ``options`` that are not None replace."""
        given = {key: value for key, value in options.items() if value is not None}
        if not isinstance(agent, AgentSpec):
            return cls(agent, **given)
        return (
            cls(agent.function, **{key: getattr(agent, key) for key in _OPTIONS} | given)
            if given
            else agent
        )

    @classmethod
    def load(cls, reference: str) -> AgentSpec:
        """The spec at ``module:qualname`` or ``path.py:qualname``; raises ``InvalidInput``."""
        found = find(reference)
        if not callable(found):
            raise InvalidInput(
                f"'{reference}' is a {type(found).__name__}; give an agent, a function or a class"
            )
        return cls.of(found)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the agent's input."""
        return self._parameters.schema

    @cached_property
    def reference(self) -> str | None:
        """Where a child process finds it; ``None`` for a lambda or what a function defined."""
        return reference_of(self.function)

    def check(self, given: bytes | Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that an input fills, typed and complete.

        Raises ``InvalidInput`` that names the agent, the path, and what the agent takes.
        """
        return self._parameters.check(given, self._what)

    def instance(self) -> Runner:
        """The agent's code, ready for turns; cheap, runs nothing of the agent's yet."""
        return Runner(self.function, takes_context=bool(self._context), what=self._what)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function or class itself, unchecked."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<AgentSpec {self.name}({self._parameters}) isolation={self.isolation}>"

    @property
    def _what(self) -> str:
        return f"agent '{self.name}'"

    def _taken(self, body: Callable[..., Any]) -> list[inspect.Parameter]:
        """The parameters that the input does not fill: an object's own, and the context."""
        owner = list(inspect.signature(body).parameters.values())[: isinstance(self.function, type)]
        return owner + self._context

    def _check_isolation(self, isolation: Isolation | None) -> Isolation:
        if isolation is None:
            return "shared" if self.is_async else "thread"
        if isolation not in get_args(Isolation):
            raise InvalidInput(
                f"{self._what}: isolation {isolation!r} is unknown; use shared, thread or process"
            )
        if isolation == "shared" and not self.is_async:
            raise InvalidInput(
                f"{self._what}: a plain function cannot be isolation='shared', it would block the "
                "others on the loop; write `async def`, or use isolation='thread'"
            )
        return isolation

    def _check_attempts(self, attempts: object) -> int:
        if not isinstance(attempts, int) or attempts < 1:
            raise InvalidInput(
                f"{self._what}: attempts is {attempts!r}; give 1 or more, the first one counts"
            )
        return attempts


@overload
def agent(function: Callable[..., Any], /) -> AgentSpec: ...
@overload
def agent(
    *,
    name: str | None = None,
    description: str | None = None,
    tools: Iterable[str | Tool | Callable[..., Any]] = (),
    model: str | ChatModel | None = None,
    isolation: Isolation | None = None,
    attempts: int = 1,
    attempt_timeout: float | None = None,
) -> Callable[[Callable[..., Any]], AgentSpec]: ...
def agent(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function or a class an agent, as ``@agent`` or ``@agent(name=…, tools=[…])``.

    Args:
        function: an ``async def``; an ``async def`` whose ``yield`` s are text deltas; a plain
            function; or a class whose ``run`` is one of these, with ``on_start`` and ``on_stop``
            if it likes. The first parameter gets the context, the others are filled by name.
        **options: ``name`` and ``description`` (from the function by default); ``tools`` that it
            may call; ``model``, by name; ``isolation`` (``shared`` for async code, ``thread`` for
            plain); ``attempts`` in all, 1 by default; ``attempt_timeout`` of each, in seconds.
    """
    if function is None:
        return functools.partial(AgentSpec, **options)
    return AgentSpec(function, **options)


def _plain_name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__).strip("<>")


def _body(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """What a turn calls: the function, or the ``run`` of a class that makes itself."""
    if not isinstance(function, type):
        return function
    body = getattr(function, "run", None)
    if not callable(body):
        raise InvalidInput(f"{what}: the class has no method run(self, ctx, …); give it one")
    try:
        inspect.signature(function).bind()
    except TypeError:
        raise InvalidInput(
            f"{what}: the class takes arguments; give __init__ defaults, or set up in on_start"
        ) from None
    found: Callable[..., Any] = body
    return found


def _context_of(
    function: Callable[..., Any], body: Callable[..., Any], what: str
) -> list[inspect.Parameter]:
    """The first parameter, if it can be filled by position."""
    parameters = list(inspect.signature(body).parameters.values())[isinstance(function, type) :]
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
