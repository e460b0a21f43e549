"""Children as data, in OTP's terms, and the one place that refuses what cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import msgspec

from retinue.bus.errors import InvalidInput

__all__ = ["ChildSpec", "Restarting", "Strategy", "validate_children", "validate_strategy"]

Restarting = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,127}")
OPTIONS = frozenset({"mailbox", "dispatcher"})


class ChildSpec(msgspec.Struct, frozen=True):
    """One child: what to start, when to restart it, how many seconds its end may take.

    ``start`` is an actor class, called with ``args`` and ``kwargs``; ``name`` becomes the actor's
    name; ``options`` may hold ``mailbox`` and ``dispatcher``. A ``permanent`` child always comes
    back, a ``transient`` one after a failure, a ``temporary`` one never.

    What others can do without is ``optional``: it is restarted ever later, on an account of its own,
    and never takes its supervisor along.
    """

    name: str
    start: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    restart: Restarting = "permanent"
    shutdown: float = 5.0
    options: dict[str, Any] = {}
    optional: bool = False


def validate_children(children: Iterable[ChildSpec]) -> tuple[ChildSpec, ...]:
    """The children as they are, or ``InvalidInput`` naming the child, the key and the rule."""
    specs = tuple(children)
    seen: set[str] = set()
    for spec in specs:
        for check in (_name, _start, _restart, _shutdown, _options):
            check(spec)
        if spec.name in seen:
            raise _refusal(spec, "name", "is used twice; names are unique under a supervisor")
        seen.add(spec.name)
    return specs


def validate_strategy(strategy: str) -> Strategy:
    """The strategy as it is, or ``InvalidInput``."""
    for known in get_args(Strategy):
        if strategy == known:
            return known  # type: ignore[no-any-return]
    raise InvalidInput(f"strategy {strategy!r} is unknown; use {', '.join(get_args(Strategy))}")


def _name(spec: ChildSpec) -> None:
    if not NAME.fullmatch(str(spec.name)):
        rule = "must be 1 to 128 letters, digits or _.:@/- and start with a letter or digit"
        raise _refusal(spec, "name", rule)


def _start(spec: ChildSpec) -> None:
    if not isinstance(spec.start, type) or not hasattr(spec.start, "on_receive"):
        raise _refusal(spec, "start", "must be an actor class (LightActor or ThreadActor)")


def _restart(spec: ChildSpec) -> None:
    if spec.restart not in get_args(Restarting):
        raise _refusal(spec, "restart", f"must be one of {', '.join(get_args(Restarting))}")


def _shutdown(spec: ChildSpec) -> None:
    if not 0 < spec.shutdown < float("inf"):
        raise _refusal(spec, "shutdown", "must be a positive, finite number of seconds")


def _options(spec: ChildSpec) -> None:
    unknown = sorted(set(spec.options) - OPTIONS)
    if unknown:
        rule = f"has unknown {', '.join(unknown)}; known are {', '.join(sorted(OPTIONS))}"
        raise _refusal(spec, "options", rule)


def _refusal(spec: ChildSpec, key: str, rule: str) -> InvalidInput:
    return InvalidInput(f"child {spec.name!r}: {key} {getattr(spec, key)!r} {rule}")
