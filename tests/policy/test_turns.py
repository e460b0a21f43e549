"""What turns of agents pass: the rates, breakers and processors that are around calls of tools, too."""

from __future__ import annotations

import asyncio
import threading

import pytest

from retinue.bus.errors import ConfigError, InvalidInput, TaskCancelled, TaskFailed
from retinue.kernel import Config, Kernel
from retinue.kernel.calls_config import BreakerConfig, CallsConfig, RateConfig
from retinue.kernel.settings import load
from retinue.plugins import AgentSpec, Plugin, agent, tool

SLOW = RateConfig(agents=("guarded*",), per_second=0.001, burst=1, wait=3600.0)


@agent(name="guarded")
async def guarded(ctx, text: str = "") -> str:
    return text.upper()


def kernel_with(*plugins, **calls):
    return Kernel(config=Config(calls=CallsConfig(**calls)), plugins=plugins)


def waits(kernel, task):
    """Whether the turn of a task is at the rate limit."""
    working = kernel._tree.turns.get(task.id)
    return working is not None and working.turn.step.startswith("waiting for the rate limit")


def test_a_turn_over_its_rate_waits_and_why_names_the_limit(wait_until):
    with kernel_with(rates={"them": SLOW}) as kernel:
        kernel.spawn("guarded", guarded)
        assert kernel.submit("guarded", {"text": "a"}).result(timeout=20) == "A"
        waiting = kernel.submit("guarded", {"text": "b"})
        wait_until(lambda: waits(kernel, waiting))
        behind = kernel.submit("guarded", {"text": "c"})
        first = kernel.why(waiting.id).edges[0]
        assert first.kind == "limit"
        assert "the rate limit 'them', of `calls.rates`" in first.text
        wait_until(lambda: len(kernel.why(behind.id).edges) == 2)
        assert [edge.kind for edge in kernel.why(behind.id).edges] == ["busy", "limit"]
        waiting.cancel("enough")
        with pytest.raises(TaskCancelled, match="enough"):
            waiting.result(timeout=20)


def test_a_turn_that_waits_for_its_rate_lends_its_place(wait_until):
    with kernel_with(rates={"them": SLOW}) as kernel:
        kernel.configure_scheduler(max_running=1)
        kernel.spawn("guarded", guarded)
        kernel.submit("guarded", {"text": "a"}).result(timeout=20)
        waiting = kernel.submit("guarded", {"text": "b"})
        wait_until(lambda: waits(kernel, waiting))
        assert kernel.submit("echo", {"n": 1}).result(timeout=20) == {"n": 1}


def test_a_turn_that_would_wait_too_long_fails_and_says_how_long():
    rate = RateConfig(agents=("guarded",), per_second=0.001, burst=1, wait=1.0)
    with kernel_with(rates={"them": rate}) as kernel:
        kernel.spawn("guarded", guarded)
        kernel.submit("guarded").result(timeout=20)
        with pytest.raises(
            TaskFailed, match="guarded: the rate limit 'them' has no place"
        ) as failed:
            kernel.submit("guarded").result(timeout=20)
        assert failed.value.kind == "RateLimited"


@pytest.mark.parametrize("isolation", ["shared", "process"])
def test_a_429_of_an_agent_pauses_agents_and_tools_of_the_key(isolation, tmp_path):
    source = tmp_path / "calling.py"
    source.write_text(
        "class Busy(Exception):\n    retry_after = 60.0\n\n"
        "async def caller(ctx):\n    raise Busy('429')\n"
    )

    @tool
    async def sibling() -> int:
        return 1

    rate = RateConfig(agents=("caller",), tools=("them.*",), per_second=1000.0, burst=100, wait=1.0)
    with kernel_with(Plugin("them", "1", tools=[sibling]), rates={"them": rate}) as kernel:
        kernel.spawn("caller", AgentSpec.load(f"{source}:caller"), isolation=isolation)
        assert kernel.invoke("them.sibling") == 1
        with pytest.raises(TaskFailed, match="429"):
            kernel.submit("caller").result(timeout=20)
        with pytest.raises(Exception, match=r"the rate limit 'them' has no place for (59|60)"):
            kernel.invoke("them.sibling")
        with pytest.raises(TaskFailed, match=r"has no place for (59|60)"):
            kernel.submit("caller").result(timeout=20)


def test_an_agent_in_trouble_is_left_alone_and_tried_again():
    calls = []

    @agent
    async def frail(ctx) -> str:
        calls.append(ctx.task)
        if len(calls) < 4:
            raise ConnectionError("gone")
        return "well"

    breaker = BreakerConfig(agents=("frail",), failures=3, pause=0.2)
    with kernel_with(breaker=breaker) as kernel:
        kernel.spawn("frail", frail)
        kinds = []
        for _ in range(4):
            with pytest.raises(TaskFailed) as failed:
                kernel.submit("frail").result(timeout=20)
            kinds.append(failed.value.kind)
        assert kinds == ["ConnectionError"] * 3 + ["CircuitOpen"]
        assert len(calls) == 3
        assert kernel.submit("frail", attempts=9).result(timeout=30) == "well"


def test_mistakes_of_who_asks_and_cancels_open_no_breaker():
    began = threading.Event()

    @agent
    async def endless(ctx, page: int = 0) -> None:
        if page:
            raise InvalidInput(f"there is no page {page}")
        began.set()
        await asyncio.Event().wait()

    breaker = BreakerConfig(agents=("endless",), failures=1, pause=600.0)
    with kernel_with(breaker=breaker) as kernel:
        kernel.spawn("endless", endless)
        for _ in range(2):
            with pytest.raises(TaskFailed, match="no page 7"):
                kernel.submit("endless", {"page": 7}).result(timeout=20)
            began.clear()
            task = kernel.submit("endless")
            assert began.wait(20)
            task.cancel("enough")
            with pytest.raises(TaskCancelled):
                task.result(timeout=20)


class Around:
    """A processor of a plugin's own for tools and agents."""

    name, after = "around", "break"

    def __init__(self) -> None:
        self.seen = []

    def applies(self, tool) -> bool:
        return tool.name == "echo.say"

    def applies_to(self, agent) -> bool:
        return agent.name == "guarded"

    async def process(self, call, proceed):
        self.seen.append(call.tool.name)
        return await proceed(call)

    async def process_turn(self, call, proceed):
        self.seen.append((call.agent.name, dict(call.input), call.attempt, call.task[:1]))
        return f"<{await proceed(call)}>"


@pytest.mark.parametrize("isolation", ["shared", "thread"])
def test_a_processor_of_a_plugins_stands_around_turns_and_calls(isolation):
    around = Around()

    @agent(name="guarded", tools=["echo.say"])
    async def speaks(ctx, text: str) -> str:
        return (await ctx.call("echo.say", text=text)).upper()

    with kernel_with(Plugin("wraps", "1", processors=[around])) as kernel:
        kernel.spawn("guarded", speaks, isolation=isolation)
        kernel.spawn("other", guarded)
        assert kernel.submit("guarded", {"text": "a"}).result(timeout=20) == "<A>"
        assert kernel.submit("other", {"text": "a"}).result(timeout=20) == "A"
        assert around.seen == [("guarded", {"text": "a"}, 1, "t"), "echo.say"]


def test_what_a_processor_raises_fails_the_attempt_and_the_agent_never_runs():
    ran = []

    class Refuses:
        name, after = "refuses", "validate"

        def applies_to(self, agent) -> bool:
            return agent.name == "never"

        async def process_turn(self, call, proceed):
            raise ValueError("not today")

    @agent
    async def never(ctx) -> None:
        ran.append(1)

    with kernel_with(Plugin("refuser", "1", processors=[Refuses()])) as kernel:
        kernel.spawn("never", never)
        with pytest.raises(TaskFailed, match="not today") as failed:
            kernel.submit("never").result(timeout=20)
        assert failed.value.kind == "ValueError"
        assert ran == []


def test_the_order_of_what_an_agent_passes_is_in_its_record():
    plugin = Plugin("wraps", "1", processors=[Around()])
    breaker = BreakerConfig(agents=("guarded",))
    with kernel_with(plugin, rates={"them": SLOW}, breaker=breaker) as kernel:
        view = kernel.spawn("guarded", guarded)
        whole = ("validate", "limit", "break", "around", "trace", "execute", "record")
        assert view.pipeline == whole
        assert kernel.agent("echo").pipeline == ("validate", "trace", "execute", "record")


def test_an_agent_that_nothing_is_around_passes_nothing():
    with kernel_with(rates={"them": SLOW}) as kernel:
        kernel.spawn("other", guarded)
        pipeline = kernel._tree.toolbox.pipeline
        assert pipeline.turn(kernel._tree.roster.find("other").spec) is None


def test_a_kernel_that_closes_leaves_a_turn_on_its_way_to_the_next_start(tmp_path, wait_until):
    config = Config(calls=CallsConfig(rates={"them": SLOW}), state_dir=str(tmp_path / "state"))
    (tmp_path / "team.py").write_text("async def guarded(ctx):\n    return 'done'\n")
    with Kernel(config=config) as kernel:
        kernel.spawn("guarded", AgentSpec.load(f"{tmp_path}/team.py:guarded"))
        kernel.submit("guarded").result(timeout=20)
        waiting = kernel.submit("guarded")
        wait_until(lambda: waits(kernel, waiting))
    with Kernel(config=config) as kernel:
        assert kernel.handle(waiting.id).result(timeout=20) == "done"


def test_a_rate_that_limits_nothing_is_refused(tmp_path):
    file = tmp_path / "retinue.toml"
    file.write_text("[calls.rates.them]\nper_second = 1.0\n")
    with pytest.raises(ConfigError, match=r"calls\.rates\.them limits nothing: name its tools"):
        load(file=file)
