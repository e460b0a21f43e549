"""``reference/python.md``, from the docstrings of what a program uses."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from text import prose

from retinue.bus.redis import AsyncSubscriber, Filled, Gap, GroupReader, Subscriber
from retinue.bus.redis.groups import Delivery, Lag, Poison
from retinue.kernel import AsyncKernel, Kernel, TaskHandle
from retinue.kernel.aio import AsyncLetters
from retinue.kernel.letters import Letters
from retinue.kernel.testing import MemoryTransport, TestKernel
from retinue.plugins import Context, Plugin, SyncContext, ToolContext, agent, tool
from retinue.plugins.hostside import (
    Answer,
    Files,
    Http,
    KernelSide,
    Memory,
    OtherTools,
    Secrets,
)
from retinue.plugins.testing import PluginFolder

_HEAD = """\
# Python API

<!-- Written by scripts/docs from the code. Change the code, then run scripts/docs. -->

What a program uses of Retinue.
`Kernel`, `AsyncKernel` and `TaskHandle` are in `retinue.kernel`, the test kit in `retinue.kernel.testing`;
readers of the mirror are in `retinue.bus.redis`; `PluginFolder` is in `retinue.plugins.testing`;
what a `ToolContext` gives, from `Files` to `Memory`, is in `retinue.plugins.hostside`.
All else is in `retinue.plugins`.
Errors are in [Errors](errors.md), and read-only pictures of the state in `retinue.bus.views`.

{entries}
"""
_WIDE = 90
_USED: list[Callable[..., Any]] = [
    Kernel,
    TaskHandle,
    Letters,
    AsyncKernel,
    AsyncLetters,
    agent,
    Context,
    SyncContext,
    tool,
    ToolContext,
    Files,
    Http,
    Answer,
    Secrets,
    KernelSide,
    OtherTools,
    Memory,
    Plugin,
    PluginFolder,
    TestKernel,
    MemoryTransport,
    Subscriber,
    Gap,
    Filled,
    AsyncSubscriber,
    GroupReader,
    Delivery,
    Poison,
    Lag,
]


def page() -> str:
    """The whole page."""
    return _HEAD.format(entries="\n\n".join(part for used in _USED for part in _entry(used)))


def _entry(used: Callable[..., Any]) -> Iterator[str]:
    yield f"## {used.__name__}"
    yield f"```python fragment\n{_signature(used.__name__, used)}\n```"
    yield _said(used)
    if isinstance(used, type):
        if used.__init__.__doc__ and used.__init__ is not object.__init__:
            yield prose(used.__init__.__doc__)
        for name, member in _members(used):
            yield f"### {used.__name__}.{name}"
            yield f"```python fragment\n{_signature(name, member)}\n```"
            yield _said(member)


def _members(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties, the base's too, in the order in which they were written.

    A base that has an entry of its own is left to that.
    """
    for owner in kind.__mro__:
        if owner in _USED and owner is not kind:
            return
        if owner.__module__.startswith("retinue."):
            yield from ((n, m) for n, m in vars(owner).items() if _is_public(n, m))


def _is_public(name: str, member: object) -> bool:
    return not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))


def _signature(name: str, used: Any) -> str:
    if isinstance(used, property):
        return f"{name}: {inspect.get_annotations(used.fget).get('return', 'Any')}"
    signature = inspect.signature(used)
    rows = list(_rows(signature))
    end = signature.return_annotation
    returned = "" if end in (signature.empty, "None") else f" -> {end}"
    called = f"await {name}" if inspect.iscoroutinefunction(used) else name
    line = f"{called}({', '.join(rows)}){returned}"
    if len(line) < _WIDE:
        return line
    return "\n".join([f"{called}(", *(f"    {row}," for row in rows), f"){returned}"])


def _rows(signature: inspect.Signature) -> Iterator[str]:
    """The parameters as written, with the marks between their kinds."""
    before = None
    for p in signature.parameters.values():
        if before is p.POSITIONAL_ONLY and p.kind is not before:
            yield "/"
        if p.kind is p.KEYWORD_ONLY and before not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            yield "*"
        before = p.kind
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        note = "" if p.annotation is p.empty else f": {p.annotation}"
        default = "" if p.default is p.empty else f" = {_default(p.default)}"
        if p.name != "self":
            yield f"{star}{p.name}{note}{default}"


def _default(value: object) -> str:
    """As written; objects have no form that stays the same."""
    shown = repr(value)
    return "…" if shown.startswith("<") else shown


def _said(used: Any) -> str:
    said = inspect.getdoc(used.fget if isinstance(used, property) else used) or ""
    text, _, arguments = said.partition("\nArgs:\n")
    items = re.split(r"\n(?=\S)", inspect.cleandoc("\n" + arguments)) if arguments else []
    return "\n".join([prose(text), *([""] if items else []), *(f"- {_item(i)}" for i in items)])


def _item(text: str) -> str:
    name, _, rest = prose(text).partition(": ")
    return f"`{name}`: {rest}"
