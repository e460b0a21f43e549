"""Supervision as pure decisions, in OTP's terms. No clock, no chance, no actor in here.

Time and randomness are arguments; ``actors/supervisor.py`` and the runtime carry the decisions out.
"""

from __future__ import annotations

import msgspec

from .child_specs import ChildSpec, Restarting, Strategy

__all__ = [
    "Action",
    "Backoff",
    "Escalate",
    "Exit",
    "Failures",
    "Intensity",
    "Pause",
    "Remove",
    "RestartGroup",
    "Supervision",
    "SupervisorState",
    "decide",
    "decide_alone",
]


class Intensity(msgspec.Struct, frozen=True):
    """At most ``restarts`` restarts within ``period`` seconds; one more gives up."""

    restarts: int = 3
    period: float = 5.0


class Backoff(msgspec.Struct, frozen=True):
    """How long the n-th restart in a row waits, in seconds; ``first=0`` restarts at once."""

    first: float = 0.0
    factor: float = 2.0
    limit: float = 30.0
    jitter: float = 0.1

    def delay(self, attempt: int, chance: float) -> float:
        """The wait before restart ``attempt`` (1, 2, …); ``chance`` in [0, 1) spreads the herd."""
        plain = min(self.limit, self.first * self.factor ** min(attempt - 1, 64))
        return plain * (1.0 + self.jitter * (2.0 * chance - 1.0))


_APART = Backoff(first=0.1)
_APART_PERIOD = 300.0
"""Seconds for which a failure of an optional child counts: it comes back every 30 s at worst."""


class Failures(msgspec.Struct, frozen=True):
    """When restarts happened, oldest first, within one period."""

    times: tuple[float, ...] = ()

    def add(self, now: float, period: float) -> Failures:
        """Forget what is older than ``period`` and append ``now``."""
        return Failures((*(t for t in self.times if now - t < period), now))


class Supervision(msgspec.Struct, frozen=True):
    """How an actor without a supervisor is treated when it fails: restarted in place, bounded."""

    intensity: Intensity = Intensity()
    backoff: Backoff = Backoff()


def decide_alone(
    policy: Supervision, past: Failures, now: float, chance: float
) -> tuple[Failures, float | None]:
    """The failures to remember, and the delay before a restart in place, or None to stop."""
    failures = past.add(now, policy.intensity.period)
    if len(failures.times) > policy.intensity.restarts:
        return failures, None
    return failures, policy.backoff.delay(len(failures.times), chance)


class Exit(msgspec.Struct, frozen=True):
    """A child ended: ``failed`` by an exception, or by itself. ``reason`` is text for people."""

    child: str
    failed: bool
    reason: str


class Pause(msgspec.Struct, frozen=True):
    """End the child's present instance; its mailbox keeps what waits in it."""

    child: str


class RestartGroup(msgspec.Struct, frozen=True):
    """After ``delay`` seconds give the children new instances, in this order."""

    children: tuple[str, ...]
    delay: float


class Remove(msgspec.Struct, frozen=True):
    """The child is done with; what waits for it becomes dead letters."""

    child: str
    reason: str


class Escalate(msgspec.Struct, frozen=True):
    """The supervisor itself has failed and says so to its own supervisor."""

    reason: str


Action = Pause | RestartGroup | Remove | Escalate


class SupervisorState(msgspec.Struct, frozen=True):
    """All that a decision depends on. ``children`` are in the order they were started."""

    children: tuple[ChildSpec, ...]
    strategy: Strategy = "one_for_one"
    intensity: Intensity = Intensity()
    backoff: Backoff = Backoff()
    failures: Failures = Failures()
    apart: dict[str, Failures] = {}

    def names(self) -> tuple[str, ...]:
        """The children's names, in starting order."""
        return tuple(child.name for child in self.children)

    def without(self, *names: str) -> SupervisorState:
        """The same state with these children gone."""
        rest = tuple(child for child in self.children if child.name not in names)
        return msgspec.structs.replace(self, children=rest)


def decide(
    state: SupervisorState, end: Exit, now: float, chance: float
) -> tuple[SupervisorState, list[Action]]:
    """What a supervisor does about a child's end: the state after, and the actions in order.

    A permanent child always comes back, a transient one only after a failure, a temporary one
    never. Siblings that the strategy takes along are paused right to left and restarted left to
    right. One restart more than the intensity allows escalates. An optional child never does: its
    restarts count for itself alone, and come ever later.
    """
    spec = next((child for child in state.children if child.name == end.child), None)
    if spec is None:
        return state, []
    if not _comes_back(spec.restart, failed=end.failed):
        return state.without(end.child), [Remove(end.child, end.reason)]
    if spec.optional:
        return _restart_apart(state, end.child, now, chance)
    failures = state.failures.add(now, state.intensity.period)
    state = msgspec.structs.replace(state, failures=failures)
    if len(failures.times) > state.intensity.restarts:
        return state, [Escalate(_too_many(state.intensity, end))]
    delay = state.backoff.delay(len(failures.times), chance)
    return _restart_group(state, end.child, delay)


def _comes_back(restart: Restarting, *, failed: bool) -> bool:
    return restart == "permanent" or (restart == "transient" and failed)


def _too_many(intensity: Intensity, end: Exit) -> str:
    return (
        f"more than {intensity.restarts} restarts in {intensity.period:g} s; "
        f"the last was {end.child}: {end.reason}"
    )


def _restart_apart(
    state: SupervisorState, child: str, now: float, chance: float
) -> tuple[SupervisorState, list[Action]]:
    failures = state.apart.get(child, Failures()).add(now, _APART_PERIOD)
    state = msgspec.structs.replace(state, apart={**state.apart, child: failures})
    return state, [RestartGroup((child,), _APART.delay(len(failures.times), chance))]


def _restart_group(
    state: SupervisorState, failed: str, delay: float
) -> tuple[SupervisorState, list[Action]]:
    group = _taken_along(state.strategy, state.children, failed)
    actions: list[Action] = []
    for child in reversed(group):
        if child.restart == "temporary":
            actions.append(Remove(child.name, f"temporary, and {failed} failed"))
        elif child.name != failed:
            actions.append(Pause(child.name))
    back = tuple(child.name for child in group if child.restart != "temporary")
    gone = (child.name for child in group if child.restart == "temporary")
    return state.without(*gone), [*actions, RestartGroup(back, delay)]


def _taken_along(
    strategy: Strategy, children: tuple[ChildSpec, ...], failed: str
) -> tuple[ChildSpec, ...]:
    at = next(place for place, child in enumerate(children) if child.name == failed)
    if strategy == "one_for_one":
        return (children[at],)
    return children if strategy == "one_for_all" else children[at:]
