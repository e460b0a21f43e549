"""The supervisor: starts children left to right, stops them right to left, restarts the failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from retinue.bus.errors import DeadlineExceeded, NotFound, RetinueError, StartFailed

from .child_specs import ChildSpec, validate_children, validate_strategy
from .runtime import ActorRef, ChildFailed, Down, LightActor, Monitor
from .runtime.errors import shown
from .supervision import (
    Action,
    Backoff,
    Escalate,
    Exit,
    Intensity,
    Pause,
    Remove,
    RestartGroup,
    SupervisorState,
    decide,
)

__all__ = [
    "Child",
    "ListChildren",
    "RestartsExhausted",
    "StartChild",
    "StopChild",
    "Supervisor",
]

KILL_GRACE = 1.0


class RestartsExhausted(RetinueError):
    """A supervisor had to restart more often than its intensity allows, and has failed itself."""


class StartChild(msgspec.Struct, frozen=True):
    """Ask: start one more child, at the right end; the reply is its ref.

    ``InvalidInput`` or ``StartFailed`` is the asker's alone: the supervisor and its children go on.
    """

    spec: ChildSpec


class StopChild(msgspec.Struct, frozen=True):
    """Ask: stop the child and forget its spec; the reply is True, or ``NotFound``."""

    name: str


class ListChildren(msgspec.Struct, frozen=True):
    """Ask: the reply is a tuple of ``Child``, in starting order."""


class Child(msgspec.Struct, frozen=True):
    """One child and its present ref."""

    spec: ChildSpec
    ref: ActorRef[Any]


class _Restart(msgspec.Struct, frozen=True):
    names: tuple[str, ...]


class _NotStarted(msgspec.Struct, frozen=True):
    name: str
    reason: str


class Supervisor(LightActor):
    """Supervises by ``supervision.decide``; a child keeps its ref and mailbox over a restart.

    It never waits out a back-off: that is a timer. When it gives up it fails with
    ``RestartsExhausted``, after its children have ended; its own supervision takes it from there.
    """

    def __init__(
        self,
        children: Iterable[ChildSpec] = (),
        *,
        strategy: str = "one_for_one",
        intensity: Intensity | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Raises ``InvalidInput`` for a spec that cannot be meant."""
        self._state = SupervisorState(
            validate_children(children),
            validate_strategy(strategy),
            intensity or Intensity(),
            backoff or Backoff(),
        )
        self._refs: dict[str, ActorRef[Any]] = {}
        self._links: dict[str, Monitor] = {}
        self._leaving: set[ActorRef[Any]] = set()

    async def on_start(self) -> None:
        """Start the children, left to right; when one does not start, none stays."""
        try:
            for spec in self._state.children:
                await self._start_first(spec)
        except RetinueError:
            await self.on_stop()
            raise

    async def on_receive(self, message: Any) -> Any:
        """Handle a child's end, or one of the public requests."""
        match message:
            case ChildFailed(ref, error) if ref.awaits_verdict():
                await self._ended(ref, failed=True, reason=shown(error))
            case ChildFailed():
                pass  # restarted with its group meanwhile
            case Down(ref, reason, error):
                await self._ended(ref, failed=error is not None, reason=reason)
            case _Restart(names):
                await self._restart(names)
            case _NotStarted(name, reason):
                await self._act_on(Exit(name, failed=True, reason=reason))
            case StartChild() | StopChild():
                return await self._obey(message)
            case ListChildren():
                return self._children()
            case _:
                return super().on_receive(message)
        return None

    async def on_failure(self, *_: Any) -> None:
        """End the children before this supervisor is restarted or ends."""
        await self.on_stop()

    async def on_stop(self) -> None:
        """Stop the children, right to left."""
        for spec in reversed(self._state.children):
            if spec.name in self._refs:
                await self._end(spec.name)

    async def _ended(self, ref: ActorRef[Any], *, failed: bool, reason: str) -> None:
        name = ref.name
        if ref in self._leaving or self._refs.get(name) is not ref:
            self._leaving.discard(ref)
            return
        await self._act_on(Exit(name, failed=failed or reason == "killed", reason=reason))

    async def _act_on(self, end: Exit) -> None:
        now, chance = self._system.monotonic(), self._system.chance()
        self._state, actions = decide(self._state, end, now, chance)
        for action in actions:
            await self._carry_out(action)

    async def _carry_out(self, action: Action) -> None:
        match action:
            case Pause(name):
                await self._pause(name)
            case Remove(name):
                await self._end(name)
            case RestartGroup(names, delay) if delay > 0:
                self._system.after(delay, self.actor_ref, _Restart(names), control=True)
            case RestartGroup(names):
                await self._restart(names)
            case Escalate(reason):
                raise RestartsExhausted(f"{self.actor_ref.name} gives up: {reason}")

    async def _start_first(self, spec: ChildSpec) -> None:
        try:
            await self._start_child(spec)
        except StartFailed as error:
            if not spec.optional:
                raise
            self._not_started(spec, error)

    async def _start_child(self, spec: ChildSpec) -> ActorRef[Any]:
        options: dict[str, Any] = {**spec.options, "name": spec.name}
        starting = self._system.start_with(
            (spec.start, spec.args, spec.kwargs), supervision=self.actor_ref, **options
        )
        ref: ActorRef[Any] = await starting
        self._refs[spec.name] = ref
        self._links[spec.name] = self.actor_ref.monitor(lambda _: ref.stop(block=False))
        ref.monitor(self.actor_ref)
        return ref

    async def _restart(self, names: tuple[str, ...]) -> None:
        for name in names:
            spec = next((spec for spec in self._state.children if spec.name == name), None)
            if spec is None:
                continue
            resumed = self._refs[name].resume(0.0) if name in self._refs else None
            if resumed is None:
                await self._start_anew(spec)
            elif not await resumed:
                return  # its ChildFailed is on the way, and decides on the rest of the group

    async def _start_anew(self, spec: ChildSpec) -> None:
        old = self._refs.get(spec.name)
        if old is not None and old.is_alive():
            return
        self._forget(spec.name)
        try:
            await self._start_child(spec)
        except StartFailed as error:
            self._not_started(spec, error)

    def _not_started(self, spec: ChildSpec, error: StartFailed) -> None:
        self._system.report(self.actor_ref, error, None)
        self.actor_ref.tell(_NotStarted(spec.name, shown(error)), control=True)

    async def _pause(self, name: str) -> None:
        spec = next(spec for spec in self._state.children if spec.name == name)
        ref = self._refs[name]
        try:
            await ref.pause(timeout=spec.shutdown)
        except DeadlineExceeded:
            self._leaving.add(ref)
            await self._kill(ref)

    async def _end(self, name: str) -> None:
        ref = self._refs[name]
        self._leaving.add(ref)
        spec = next((spec for spec in self._state.children if spec.name == name), None)
        await self._halt(ref, 5.0 if spec is None else spec.shutdown)
        self._forget(name)

    async def _halt(self, ref: ActorRef[Any], limit: float) -> None:
        ending = ref.resume(None)
        try:
            await (ref.stop(block=False, timeout=limit) if ending is None else ending)
        except DeadlineExceeded:
            await self._kill(ref)

    async def _kill(self, ref: ActorRef[Any]) -> None:
        try:
            await ref.kill(timeout=KILL_GRACE)
        except DeadlineExceeded as error:
            self._system.report(ref, error, None)

    async def _obey(self, request: StartChild | StopChild) -> Any:
        try:
            if isinstance(request, StartChild):
                return await self._add(request.spec)
            return await self._drop(request.name)
        except RetinueError as error:
            return self.refuse(error)

    async def _add(self, spec: ChildSpec) -> ActorRef[Any]:
        children = validate_children((*self._state.children, spec))
        ref = await self._start_child(spec)
        self._state = msgspec.structs.replace(self._state, children=children)
        return ref

    async def _drop(self, name: str) -> bool:
        if name not in self._refs:
            known = ", ".join(self._refs) or "none"
            raise NotFound(f"{self.actor_ref.name} has no child {name!r}; it has {known}")
        await self._end(name)
        self._state = self._state.without(name)
        return True

    def _children(self) -> tuple[Child, ...]:
        refs = self._refs
        specs = (spec for spec in self._state.children if spec.name in refs)
        return tuple(Child(spec, refs[spec.name]) for spec in specs)

    def _forget(self, name: str) -> None:
        self._refs.pop(name, None)
        link = self._links.pop(name, None)
        if link is not None:
            link.cancel()

    @property
    def _system(self) -> Any:
        return self.actor_ref.system
