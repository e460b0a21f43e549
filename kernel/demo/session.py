"""A private kernel with a private Redis, and what an observer sees of it over Redis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import NotFound, Unavailable
from retinue.bus.messages import TERMINAL_RUN
from retinue.bus.redis.server import Server, choose_server
from retinue.bus.redis.subscriber import Gap, Subscriber
from retinue.bus.wire import ObservedEvent
from retinue.plugins.llm.model import ChatModel

from ..config import Config
from ..handles import TaskHandle
from ..kernel import Kernel
from .sandboxed import load_files
from .tally import Summary, Tally
from .team import LEAD, TEAM, Report

__all__ = ["Session", "documents"]

_NAME = "demo"
_TICK = 0.25
"""Seconds of silence after which whoever watches may say that it goes on."""
_RESULT = 10.0
"""Seconds for the result of a task whose run has ended."""


class Session:
    """One question to one team; a context manager, for one thread, which blocks.

    The observer reads Redis alone: it learns nothing from inside the kernel.
    """

    def __init__(
        self,
        folder: Path,
        model: ChatModel,
        config: Config | None = None,
        *,
        sandboxed: bool = False,
        catch_up: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        """``folder`` is all that the agents may read; of ``config`` only models and walls count.

        ``sandboxed``: the file tools run in a process of their own, which may read ``folder`` and
        nothing else, behind the walls of any stranger's plugin. ``catch_up`` is how many seconds the
        last events may take from the journal to the observer.
        """
        self.model = model
        self._folder = folder
        self._sandboxed = sandboxed
        self._config = _private(config or Config(), {} if sandboxed else {"docs": str(folder)})
        self._catch_up = catch_up
        self._clock = clock or SystemClock()
        self._tally = Tally()
        self._server: Server | None = None
        self.task: TaskHandle | None = None

    def __enter__(self) -> Self:
        """Start Redis, the observer and the kernel; raises ``Unavailable`` without a Redis."""
        self._server = choose_server("auto")
        try:
            self._start(self._server)
        except BaseException:
            self._server.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._kernel.close(drain=0.0)
            self._subscriber.close()
        finally:
            if self._server is not None:
                self._server.stop()

    @property
    def redis(self) -> str:
        """The server, in words."""
        return self._server.describe() if self._server is not None else "none"

    @property
    def url(self) -> str:
        """Where other observers can connect; empty before the start."""
        return self._server.url if self._server is not None else ""

    def events(self, question: str, deadline: float) -> Iterator[ObservedEvent | None]:
        """Ask, and give each event as it reaches the observer; ``None`` whenever it is quiet.

        Ends once the kernel is closed and all that it wrote down was observed. After ``deadline``
        seconds the run fails. Events that do not arrive soon after what they tell are lost.
        """
        self.task = task = self._kernel.submit(LEAD, {"question": question}, deadline=deadline)
        yield from self._observed(
            lambda event: event.run == task.run and event.type in TERMINAL_RUN, lambda: task.done
        )
        self._kernel.close(drain=0.0, reason="the question is answered")
        if (self._subscriber.cursor or 0) < self._journal:
            yield from self._observed(lambda event: event.seq >= self._journal, lambda: True)

    def report(self) -> Report:
        """What the desk handed over; raises ``TaskFailed`` or ``TaskCancelled``."""
        if self.task is None:
            raise NotFound("nothing was asked: use events() first")
        return msgspec.convert(self.task.result(timeout=_RESULT), Report)

    def summary(self) -> Summary:
        """The whole in figures, after ``events`` has ended."""
        redis = self.redis.partition(" at ")[0]
        return self._tally.summary(self._journal, self.model.name, redis)

    def _start(self, server: Server) -> None:
        if not server.url:
            why = server.describe().removeprefix("none: ")
            raise Unavailable(f"the demo shows what observers see over Redis, but {why}")
        self._subscriber = Subscriber(server.url, _NAME, 0, clock=self._clock)
        self._subscriber.open()
        models = {self._config.models.default: self.model}
        self._kernel = Kernel(redis=server.url, config=self._config, models=models)
        self._kernel.start()
        if self._sandboxed:
            load_files(self._kernel, self._folder)
        for spec in TEAM:
            self._kernel.spawn(spec.name, spec)

    def _observed(
        self, is_last: Callable[[ObservedEvent], bool], over: Callable[[], bool]
    ) -> Iterator[ObservedEvent | None]:
        """Events up to the last one; once it is ``over`` inside, that may take a while, not for ever."""
        give_up = math.inf
        while self._clock.monotonic() < give_up:
            for event in self._subscriber.read(timeout=_TICK):
                if isinstance(event, Gap):
                    continue  # the tally misses them, and calls them lost
                self._tally.add(event)
                yield event
                if is_last(event):
                    return
            if give_up == math.inf and over():
                give_up = self._clock.monotonic() + self._catch_up
            yield None

    @property
    def _journal(self) -> int:
        return self._kernel.feed.store.last


def documents() -> Path:
    """The project's own documents, beside the code in a checkout; raises ``NotFound`` elsewhere."""
    folder = Path(__file__).resolve().parents[2] / "docs"
    if not folder.is_dir():
        raise NotFound(
            "the project's own documents are not installed with it: "
            "name a folder and a question, with --folder and --question"
        )
    return folder


def _private(config: Config, roots: Mapping[str, str]) -> Config:
    """With the kernel's own file tools over these folders; without them where there are none."""
    files = {"roots": dict(roots)} if roots else {"enabled": False}
    return Config(
        name=_NAME, models=config.models, sandbox=config.sandbox, plugins={"files": files}
    )
