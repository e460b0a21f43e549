"""``@agent``: a function or a class that works on tasks, one turn for each."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from retinue.bus.errors import InvalidInput

from .body import Body
from .docstrings import describe
from .references import find, reference_of
from .runner import Runner
from .secret import SecretFields
from .tools import Tool, check_name, check_seconds

if TYPE_CHECKING:
    from .llm.model import ChatModel

__all__ = ["AgentSpec", "Isolation", "agent"]

Isolation = Literal["shared", "thread", "process"]
"""Where turns run: on the agents' loop, on a thread of the agent's own, or in a child process."""

_OPTIONS = (
    "name",
    "description",
    "tools",
    "model",
    "isolation",
    "attempts",
    "attempt_timeout",
    "permissions",
)


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
        permissions: Mapping[str, Any] | None = None,
        _body: Body | None = None,
    ) -> None:
        """As ``@agent``. Raises ``InvalidInput`` that names the agent, the rule and the remedy."""
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name = check_name("agent", name or _plain_name(function))
        self.description = describe(function.__doc__) if description is None else description
        self.tools = tuple(t if isinstance(t, str) else Tool.of(t) for t in tools)
        self.model = model
        self._body = _body or Body(function, self._what)
        self.is_async = self._body.is_async
        self.isolation = self._check_isolation(isolation)
        self.attempts = self._check_attempts(attempts)
        self.attempt_timeout = check_seconds(attempt_timeout, f"{self._what}: attempt_timeout")
        self.permissions = self._check_permissions(permissions)

    @classmethod
    def of(cls, agent: AgentSpec | Callable[..., Any], **options: Any) -> AgentSpec:
        """The spec itself, or of a bare function or class; ``options`` that are not None replace."""
        given = {key: value for key, value in options.items() if value is not None}
        if not isinstance(agent, AgentSpec):
            return cls(agent, **given)
        if not given:
            return agent
        before = {key: getattr(agent, key) for key in _OPTIONS}
        return cls(agent.function, **{**before, **given}, _body=agent._body)  # noqa: SLF001 - the same class

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
        return self._body.parameters.schema

    @property
    def secrets(self) -> SecretFields:
        """Which parts of the input are marked ``Secret``."""
        return self._body.parameters.secrets

    @cached_property
    def reference(self) -> str | None:
        """Where a child process finds it; ``None`` for a lambda or what a function defined."""
        return reference_of(self.function)

    def check(self, given: bytes | Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that an input fills, typed and complete.

        Raises ``InvalidInput`` that names the agent, the path, and what the agent takes.
        """
        return self._body.parameters.check(given, self._what)

    def instance(self) -> Runner:
        """The agent's code, ready for turns; cheap, runs nothing of the agent's yet."""
        return self._body.runner(self._what)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function or class itself, unchecked."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<AgentSpec {self.name}({self._body.parameters}) isolation={self.isolation}>"

    @cached_property
    def _what(self) -> str:
        return f"agent '{self.name}'"

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

    def _check_permissions(self, asked: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Only where they may stand: what is in them is read when the agent is spawned."""
        if asked is None:
            return None
        if self.isolation != "process":
            raise InvalidInput(
                f"{self._what}: permissions hold for isolation='process' alone, and this one is "
                f"{self.isolation!r}: what runs in the kernel's process may do all that it may"
            )
        return copy.deepcopy(dict(asked))

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
    permissions: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], AgentSpec]: ...
def agent(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function or a class an agent, as ``@agent`` or ``@agent(name=…, tools=[…])``.

    Args:
        function: an ``async def``; an ``async def`` whose ``yield`` s are text deltas; a plain
            function; or a class whose ``run`` is one of these, with ``on_start`` and ``on_stop``
            if it likes. The first parameter gets the context, the others are filled by name.
        **options: ``name`` and ``description`` (from the function by default); ``tools`` that it
            may call; ``model``, by name; ``isolation`` (``shared`` for async code, ``thread`` for
            plain); ``attempts`` in all, 1 by default; ``attempt_timeout`` of each, in seconds;
            ``permissions``: what an agent in a process of its own may do beyond computing, in the
            words of a plugin's manifest, as ``{"read": ["/data"]}``.
    """
    if function is None:
        return functools.partial(AgentSpec, **options)
    return AgentSpec(function, **options)


def _plain_name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__).strip("<>")
