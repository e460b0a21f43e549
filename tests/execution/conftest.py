"""A port that records, an outcome to wait for, and executors that are closed afterwards."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from retinue.actors.agent_cells import AgentCells
from retinue.actors.execution import ProcessExecutor, SharedExecutor, Turn
from retinue.actors.execution.service import Service
from retinue.actors.execution.threads import ThreadExecutor
from retinue.actors.plugin_hosts import PluginHosts, Walls
from retinue.bus.clock import SystemClock
from retinue.bus.errors import ToolError, Unavailable
from retinue.plugins import AgentSpec
from retinue.plugins.sandbox.given import Layer
from retinue.plugins.sandbox.probe import probe

sys.path.insert(
    0, str(Path(__file__).parent)
)  # so that `agents_here` can be imported, here and in children


class RecordingPort:
    """A turn's door to a kernel that is not there: it writes down, and answers tools from a dict."""

    def __init__(self, agent="tested", task="t-1", tools=None, models=None):
        self.run, self.task, self.agent, self.attempt = "r-1", task, agent, 1
        self.deadline = None
        self.state = {}
        self.cancelled = False
        self.events = []
        self.tools = tools or {}
        self.models = models or {}
        self.emitted = threading.Event()

    def emit(self, body):
        self.events.append(body)
        self.emitted.set()

    async def call(self, tool, args):
        if tool not in self.tools:
            raise ToolError(f"no tool {tool}")
        return await self.tools[tool](**args)

    async def submit(self, agent, input, *, priority=None, deadline=None, key=""):
        self.submitted = (agent, dict(input), priority, deadline, key)
        return "t-child"

    async def result(self, task):
        return {"of": task}

    async def cancel(self, task, reason):
        self.cancelled_child = (task, reason)

    def model(self, name=None):
        if name not in self.models:
            raise Unavailable(f"no model {name}")
        return self.models[name]


class Attempt:
    """A turn that was started, and its outcome."""

    def __init__(self, executor, function, input=b"{}", *, port=None, timeout=None, runner=None):
        self.port = port or RecordingPort()
        self.outcomes = []
        self._done = threading.Event()
        spec = AgentSpec.of(function)
        turn = Turn(spec, runner or spec.instance(), input, self.port, timeout)
        self.running = executor.start(turn, self._end)

    def _end(self, outcome):
        self.outcomes.append(outcome)
        self._done.set()

    def outcome(self, timeout=10.0):
        assert self._done.wait(timeout), f"no outcome within {timeout} s: {self.running.what()}"
        assert len(self.outcomes) == 1
        return self.outcomes[0]

    @property
    def ended(self):
        return self._done.is_set()

    def cancel(self, reason="not needed", **kind):
        self.port.cancelled = True
        self.running.cancel(reason, **kind)


@pytest.fixture
def root_of_tests():
    """The folder of ``agents_here``."""
    return Path(__file__).parent


@pytest.fixture
def port():
    return RecordingPort


@pytest.fixture
def attempt():
    return Attempt


@pytest.fixture
def log():
    return []


@pytest.fixture
def shared(log):
    with closing(
        SharedExecutor(grace=0.1, stall_after=0.3, strike_after=0.3, report=_into(log))
    ) as it:
        yield it


@pytest.fixture
def watched():
    """``with watched(executor) as stalls``: checked and broken on a thread, as the kernel does."""
    return _watched


@pytest.fixture
def open_gate():
    """An event that is set at the end of the test, so that what waits for it in C can go."""
    gate = threading.Event()
    yield gate
    gate.set()


@contextmanager
def closing(executor):
    try:
        yield executor
    finally:
        executor.close(10.0)


def cells_of(hosts, lowered=None, say=print):
    return AgentCells(hosts, Walls(), lowered, None, say, SystemClock(), os.environ)


def hosts_without_cgroups():
    """As on a machine that delegates none: the walls and signals alone end a process."""
    hosts = PluginHosts("tested", Walls(), None, print, SystemClock(), os.environ)
    hosts._given = msgspec.structs.replace(probe(), cgroup=Layer(there=False))
    return hosts


def standard_cells():
    """Where the processes of a program come from that has no kernel; it has to be killed."""
    return cells_of(hosts_without_cgroups())


def _into(log):
    return lambda agent, text: log.append((agent, text))


@contextmanager
def _watched(executor, every=0.02):
    stalls, end = [], threading.Event()

    def watch():
        while not end.wait(every):
            for stall in executor.check(time.monotonic()):
                stalls.append(stall)
                executor.break_stall(stall)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield stalls
    finally:
        end.set()
        thread.join()


@pytest.fixture
def cells():
    """``cells(lowered)``: where processes come from, at the usual level or a lower one; told events."""
    hosts = hosts_without_cgroups()
    yield partial(cells_of, hosts)
    hosts.close(10.0)


@pytest.fixture
def told():
    """The events that the walls gave."""
    return []


@pytest.fixture
def at_level(shared, log, cells, told):
    """``at_level("limits")``: an executor of processes there."""
    service = Service("tested-service", _into(log))
    made = []

    def executor(level, grace=0.2):
        walled = cells(level, told.append)
        made.append(ProcessExecutor(shared.run, service, _into(log), walled, grace=grace))
        return made[-1]

    yield executor
    for one in made:
        one.close(10.0)
        assert one._all == set()
    service.close(10.0)


@pytest.fixture
def processes(at_level):
    return at_level(None)


@pytest.fixture
def threads(shared, log):
    def report(agent, text):
        log.append((agent, text))

    service = Service("tested-service", report)
    executor = ThreadExecutor(shared.run, service, report, grace=0.1, strike_after=0.2)
    yield executor
    executor.close(10.0)
    service.close(10.0)
