"""``@tool``: a function that agents may call, with a schema and a check at each call."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, overload

from retinue.bus.errors import InvalidInput

from .docstrings import describe
from .hostside import HostPort
from .parameters import Parameters
from .secret import SecretFields
from .tool_context import ToolContext

__all__ = [
    "Effect",
    "HostPort",
    "Tool",
    "ToolContext",
    "check_name",
    "check_seconds",
    "name_of",
    "tool",
]

Effect = Literal["none", "idempotent", "once"]
"""What a call changes: nothing, something that repeating leaves as it is, or something each time."""

_NAME = re.compile(r"[^\W\d][\w.-]{0,127}\Z")


class Tool:
    """A function with a name, a schema and an effect; called directly it is the plain function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        effect: Effect = "none",
        description: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """As ``@tool``. Raises ``InvalidInput`` for a function that cannot be filled by name."""
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name = check_name("tool", name or _plain_name(function))
        self.description = describe(function.__doc__) if description is None else description
        self.effect = _check_effect(effect, self.name)
        self.timeout = check_seconds(timeout, f"tool '{self.name}': timeout")
        self.is_async = inspect.iscoroutinefunction(function)
        self._context = _context_of(function)
        self._parameters = Parameters(function, self._context, f"tool '{self.name}'")

    @classmethod
    def of(cls, function: Tool | Callable[..., Any]) -> Tool:
        """The tool itself, or a bare function made one."""
        return function if isinstance(function, Tool) else cls(function)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self._parameters.schema

    @property
    def secrets(self) -> SecretFields:
        """Which arguments are marked ``Secret``."""
        return self._parameters.secrets

    def check(self, args: bytes | Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, typed and complete; raises ``InvalidInput`` that names tool and path."""
        return self._parameters.check(args, f"tool '{self.name}'")

    def call(self, checked: Mapping[str, Any], ctx: ToolContext | None = None) -> Any:
        """Run it with what ``check`` returned: an awaitable when ``is_async``, else the value."""
        if self._context:
            return self.function(ctx or ToolContext(), **checked)
        return self.function(**checked)

    def named(self, name: str) -> Tool:
        """The same tool under another name."""
        return Tool(
            self.function,
            name=name,
            effect=self.effect,
            description=self.description,
            timeout=self.timeout,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, unchecked."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Tool {self.name}({self._parameters}) effect={self.effect}>"


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    effect: Effect = "none",
    description: str | None = None,
    timeout: float | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a tool, as ``@tool`` or ``@tool(name=…, effect=…)``.

    Args:
        function: an ``async def``, or a plain function, which runs on a thread of its own. A first
            parameter named ``ctx`` gets a ``ToolContext``; the others are the arguments.
        **options: ``name`` (the function's by default); ``effect``: ``none``, ``idempotent`` or
            ``once``, which decides whether a call may be repeated after a crash; ``description``
            (the docstring's first paragraph by default); ``timeout`` of one call, in seconds.
    """
    if function is None:
        return functools.partial(Tool, **options)
    return Tool(function, **options)


def name_of(tool: str | Tool | Callable[..., Any]) -> str:
    """The name under which the kernel knows the tool."""
    return tool if isinstance(tool, str) else Tool.of(tool).name


def check_name(kind: str, name: object) -> str:
    """The name, if an agent or a tool may have it."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidInput(
            f"{kind} {name!r}: a name starts with a letter and has up to 128 letters, digits, "
            "'_', '.' and '-'; give it one with name=…"
        )
    return name


def check_seconds(seconds: float | None, what: str) -> float | None:
    """The duration, if it is positive and finite, or ``None``."""
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InvalidInput(f"{what} is {seconds}; give seconds above 0, or None for no limit")
    return None if seconds is None else float(seconds)


def _check_effect(effect: Effect, name: str) -> Effect:
    if effect not in get_args(Effect):
        raise InvalidInput(
            f"tool '{name}': effect {effect!r} is unknown; use none, idempotent or once"
        )
    return effect


def _context_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return [first] if first is not None and first.name == "ctx" else []


def _plain_name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
