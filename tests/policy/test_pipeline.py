"""What every call passes, in a kernel: the policy, rates, breakers, retries and processors."""

from __future__ import annotations

import asyncio

import pytest

from retinue.bus.errors import Denied, InvalidInput, TaskFailed, ToolError
from retinue.bus.journal import MemoryStore
from retinue.kernel import Config, Kernel
from retinue.kernel.calls_config import BreakerConfig, CallsConfig, RateConfig, RetryConfig
from retinue.kernel.replay import replay
from retinue.plugins import Plugin, agent, tool

from .conftest import clerk, first, types


class Busy(Exception):
    """As a client of some service raises it for a 429."""

    retry_after = 0.2


class Flaky:
    """A tool whose other side fails so many times."""

    def __init__(self, *errors: BaseException, effect: str = "none") -> None:
        self.errors, self.calls = list(errors), 0
        self.tool = tool(name="flaky", effect=effect)(self._call)

    async def _call(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


@agent(tools=["flaky.*"])
async def user(ctx, times: int = 1) -> list:
    found = []
    for _ in range(times):
        try:
            found.append(await ctx.call("flaky.flaky"))
        except Exception as error:
            found.append(type(error).__name__)
    return found


def kernel_with(flaky, **calls):
    return Kernel(
        config=Config(calls=CallsConfig(**calls)),
        plugins=[Plugin("flaky", "1", tools=[flaky.tool])],
    )


def run(kernel, **given):
    kernel.spawn("user", user)
    return kernel.submit("user", given).result(timeout=20)


def test_a_call_that_a_rule_forbids_is_denied_by_name_and_the_refusal_is_an_event(start):
    with start() as kernel:
        task = kernel.submit("clerk", {"tool": "burn", "args": {}})
        with pytest.raises(TaskFailed, match="rule 'nobody-burns' of the policy forbids it"):
            task.result(timeout=10)
        denied = first(kernel, "security.denied")
        assert denied.task == task.id
        assert denied.data["rule"] == "nobody-burns"
        assert denied.data["principals"] == ["agent:clerk"]
        assert "nobody-burns" in kernel.why(task.id).answer


def test_why_names_the_rule_that_let_a_call_go_on(start):
    with start() as kernel:
        task = kernel.submit("clerk", {"tool": "count", "args": {"words": "a b c"}})
        assert task.result(timeout=10) == [3]
        assert [call.rule for call in kernel.why(task.id).calls] == ["clerk-counts"]


def test_once_there_is_a_policy_what_it_does_not_permit_is_denied(start):
    @agent(tools=["echo.say"])
    async def stranger(ctx) -> str:
        return await ctx.call("echo.say", text="a")

    with start(stranger) as kernel:
        task = kernel.submit("stranger")
        with pytest.raises(TaskFailed, match="no rule of the policy permits it"):
            task.result(timeout=10)


def test_an_agent_submits_to_no_agent_that_the_policy_does_not_permit(start):
    @agent
    async def boss(ctx) -> str:
        return await ctx.ask("echo", text="a")

    with start(boss) as kernel:
        task = kernel.submit("boss")
        with pytest.raises(TaskFailed, match="agent:boss may not submit 'echo'"):
            task.result(timeout=10)
        assert first(kernel, "security.denied").data["action"] == "submit"


def test_a_run_with_approvals_and_refusals_replays_as_it_was(start):
    @agent(tools=["echo.say"])
    async def boss(ctx) -> list:
        found = []
        for attempt in (
            ctx.ask("clerk", tool="count", args={"words": "a"}),
            ctx.call("echo.say", text="a"),
        ):
            try:
                found.append(await attempt)
            except Denied as error:
                found.append(str(error))
        return found

    store = MemoryStore()
    with start(store=store) as kernel:
        task = kernel.submit("clerk", {"tool": "merge", "args": {}})
        kernel.approve(first(kernel, "approval.requested").data["approval"], by="board")
        task.result(timeout=10)
        burnt = kernel.submit("clerk", {"tool": "burn", "args": {}})
        with pytest.raises(TaskFailed):
            burnt.result(timeout=10)
        kernel.spawn("boss", boss)
        asked = kernel.submit("boss")
        assert len(asked.result(timeout=10)) == 2
        for one in (task, burnt, asked):
            done = replay(store, one.run, agents={"clerk": clerk, "boss": boss})
            assert done.same, done.divergence


def test_calls_over_their_rate_wait_for_their_turn_and_one_that_would_wait_too_long_is_refused():
    flaky = Flaky()
    rate = RateConfig(tools=("flaky.*",), per_second=0.001, burst=2, wait=1.0)
    with kernel_with(flaky, rates={"them": rate}) as kernel:
        assert run(kernel, times=3) == [1, 2, "RateLimited"]
    flaky = Flaky()
    rate = RateConfig(tools=("flaky.*",), per_second=200.0, burst=1, wait=1.0)
    with kernel_with(flaky, rates={"them": rate}) as kernel:
        assert run(kernel, times=5) == [1, 2, 3, 4, 5]


def test_one_answer_that_asks_to_be_left_alone_pauses_every_call_of_the_key():
    class Long(Exception):
        retry_after = 60.0

    async def other() -> int:
        return 1

    flaky = Flaky(Long("429"))
    sibling = tool(name="sibling")(other)
    rate = RateConfig(tools=("flaky.*",), per_second=1000.0, burst=100, wait=1.0)
    config = Config(calls=CallsConfig(rates={"them": rate}))
    plugin = Plugin("flaky", "1", tools=[flaky.tool, sibling])
    with Kernel(config=config, plugins=[plugin]) as kernel:
        kernel.invoke("flaky.sibling")
        with pytest.raises(ToolError, match="429"):
            kernel.invoke("flaky.flaky")
        with pytest.raises(Exception, match=r"the rate limit 'them' has no place for (59|60)"):
            kernel.invoke("flaky.sibling")


def test_calls_that_wait_when_a_pause_begins_wait_it_out():
    flaky = Flaky(Busy("429"))
    rate = RateConfig(tools=("flaky.*",), per_second=50.0, burst=1, wait=5.0)

    @agent(tools=["flaky.*"])
    async def many(ctx) -> int:
        calls = (ctx.call("flaky.flaky") for _ in range(5))
        return len([one for one in await asyncio.gather(*calls, return_exceptions=True) if one])

    with kernel_with(flaky, rates={"them": rate}) as kernel:
        kernel.spawn("many", many)
        task = kernel.submit("many")
        assert task.result(timeout=20) == 5
        called = [e for e in kernel.events(follow=False) if e.type == "tool.called"]
        assert called[1].time - called[0].time >= 0.15


def test_a_tool_in_trouble_is_left_alone():
    flaky = Flaky(*[ConnectionError("gone")] * 9)
    breaker = BreakerConfig(tools=("flaky.*",), failures=3, pause=60.0)
    with kernel_with(flaky, breaker=breaker) as kernel:
        assert run(kernel, times=5) == ["ToolError"] * 3 + ["CircuitOpen"] * 2
        assert flaky.calls == 3


def test_mistakes_of_callers_open_no_breaker():
    flaky = Flaky(*[InvalidInput("no such page")] * 9)
    breaker = BreakerConfig(tools=("flaky.*",), failures=3, pause=60.0)
    with kernel_with(flaky, breaker=breaker) as kernel:
        assert run(kernel, times=5) == ["InvalidInput"] * 5


def test_a_call_whose_trouble_passes_is_made_again_and_written_down_once():
    flaky = Flaky(ConnectionError("gone"), Busy("429"))
    retry = RetryConfig(tools=("flaky.*",), attempts=3, most=0.05)
    with kernel_with(flaky, retry=retry) as kernel:
        assert run(kernel) == [3]
        (run_id,) = {event.run for event in kernel.events(follow=False) if event.run}
        said = types(kernel, run_id, "tool.")
        assert said == ["tool.called", "tool.progress", "tool.progress", "tool.returned"]


def test_an_effect_that_must_happen_once_is_never_called_again():
    flaky = Flaky(ConnectionError("gone"), effect="once")
    retry = RetryConfig(tools=("flaky.*",), attempts=3, most=0.05)
    with kernel_with(flaky, retry=retry) as kernel:
        assert run(kernel) == ["ToolError"]
        assert flaky.calls == 1


class Doubled:
    """A plugin's own processor."""

    name, after = "double", "trace"

    def applies(self, tool) -> bool:
        return tool.name == "flaky.flaky"

    async def process(self, call, proceed):
        return 2 * await proceed(call)


def test_a_plugin_adds_a_processor_and_what_it_makes_of_a_result_is_what_is_recorded():
    flaky = Flaky()
    plugin = Plugin("flaky", "1", tools=[flaky.tool], processors=[Doubled()])
    with Kernel(plugins=[plugin]) as kernel:
        assert run(kernel, times=2) == [2, 4]
        returned = [
            e.data["result"] for e in kernel.events(follow=False) if e.type == "tool.returned"
        ]
        assert returned == [2, 4]
        shown = {view.name: view for view in kernel.plugins()}["flaky"]
        assert shown.tools["flaky.flaky"]["pipeline"] == [
            "validate",
            "trace",
            "double",
            "execute",
            "record",
        ]


def test_a_processor_at_a_place_that_there_is_not_is_refused():
    class Nowhere(Doubled):
        after = "execute"

    with pytest.raises(InvalidInput, match="stands after 'execute'"):
        Kernel(plugins=[Plugin("flaky", "1", processors=[Nowhere()])]).start()


def test_a_plugin_that_the_policy_does_not_permit_is_not_loaded_even_when_it_is_approved(
    start, tmp_path
):
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "plugin.toml").write_text('name = "news"\nversion = "1"\nentry = "news:plugin"\n')
    (folder / "news.py").write_text("raise SystemExit('nothing of it may run')\n")
    with start() as kernel:
        proposal = kernel.propose_plugin(folder)
        with pytest.raises(Denied, match="user:operator may not load 'news'"):
            kernel.load_plugin(folder, approve=proposal.digest)
        assert first(kernel, "security.denied").data["layer"] == "policy"
        assert not [e for e in kernel.events(follow=False) if e.type == "plugin.granted"]
