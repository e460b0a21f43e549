"""``@agent``: its four shapes, what it refuses, and what a turn hands back."""

from __future__ import annotations

import asyncio

import pytest

from retinue.plugins import AgentSpec, InvalidInput, Tool, agent, tool
from retinue.plugins.testing import TestTurn


@agent(tools=["files.*"], model="small", attempts=3, attempt_timeout=2.5)
async def shout(ctx, text: str, times: int = 1) -> str:
    """Say it
    louder.

    Args:
        text: what to say
    """
    ctx.thought("louder")
    return text.upper() * times


@agent
def add(ctx, a: int, b: int = 2):
    return a + b


@agent
async def count(ctx, to: int):
    for number in range(to):
        yield f"{number} "


@agent(name="teller")
def tell(ctx, words: list[str]):
    yield from words


@agent
class Counter:
    """Counts."""

    def __init__(self, start: int = 10):
        self.value = start
        self.log = []

    async def on_start(self):
        self.log.append("start")

    async def run(self, ctx, by: int = 1) -> list:
        self.value += by
        return [*self.log, self.value]

    async def on_stop(self):
        self.log.append("stop")


def test_a_spec_says_what_the_function_says():
    assert (shout.name, shout.description) == ("shout", "Say it louder.")
    assert (shout.tools, shout.model, shout.isolation) == (("files.*",), "small", "shared")
    assert (shout.attempts, shout.attempt_timeout, shout.is_async) == (3, 2.5, True)
    assert shout.schema["properties"]["text"] == {"type": "string", "description": "what to say"}
    assert repr(add) == "<AgentSpec add(a: int, b: int = 2) isolation=thread>"


def test_a_decorated_function_can_still_be_called_and_awaited():
    class Ctx:
        def thought(self, text):
            pass

    assert add(None, 1) == 3
    assert asyncio.run(shout(Ctx(), "hey")) == "HEY"
    assert shout.__wrapped__.__name__ == shout.__name__ == "shout"


def test_an_async_agent_is_shared_and_a_plain_one_gets_a_thread():
    assert [a.isolation for a in (shout, count, Counter)] == ["shared"] * 3
    assert [a.isolation for a in (add, tell)] == ["thread"] * 2


def test_each_shape_runs_a_turn():
    assert TestTurn(shout).run(text="a", times=2) == "AA"
    assert TestTurn(add).run(a=1) == 3
    assert TestTurn(count).run(to=3) == "0 1 2 "
    assert TestTurn(tell).run(words=["x", "y"]) == "xy"


@pytest.mark.parametrize(("spec", "given"), [(count, {"to": 2}), (tell, {"words": ["0 ", "1 "]})])
def test_what_a_generator_yields_is_streamed_as_it_is_made(spec, given):
    turn = TestTurn(spec)
    assert turn.run(given) == "0 1 "
    assert turn.types == ["agent.text", "agent.text"]
    assert turn.text == "0 1 "


def test_a_generator_that_yields_no_text_fails_with_the_remedy():
    @agent
    async def numbers(ctx):
        yield 1

    with pytest.raises(TypeError, match="agent 'numbers' yielded int; yield str"):
        TestTurn(numbers).run()


def test_a_generator_is_closed_when_its_turn_is_cancelled():
    closed = []
    started = asyncio.Event()

    @agent
    async def endless(ctx):
        try:
            yield "x"
            started.set()
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def cancel_it():
        turn = TestTurn(endless)
        running = asyncio.create_task(turn.run_async())
        await started.wait()
        running.cancel()
        await asyncio.wait([running])
        return running.cancelled()

    assert asyncio.run(cancel_it())
    assert closed == [True]


def test_a_class_is_made_once_and_lives_as_long_as_its_runner():
    turn = TestTurn(Counter)
    assert turn.run(by=5) == ["start", 15]
    assert turn.run() == ["start", 16]


def test_two_first_turns_at_once_make_one_object():
    made = []

    @agent
    class Slow:
        async def on_start(self):
            made.append(self)
            await asyncio.sleep(0)

        async def run(self, ctx):
            return id(self)

    async def both():
        runner = Slow.instance()
        return await asyncio.gather(runner.run(None, {}), runner.run(None, {}))

    first, second = asyncio.run(both())
    assert first == second
    assert len(made) == 1


def test_an_object_whose_on_start_raises_is_made_anew_at_the_next_turn():
    tries = []

    @agent
    class Flaky:
        def on_start(self):
            tries.append(self)
            if len(tries) == 1:
                raise OSError("not yet")

        def run(self, ctx):
            return len(tries)

    turn = TestTurn(Flaky)
    with pytest.raises(OSError, match="not yet"):
        turn.run()
    assert turn.run() == 2


def test_stop_calls_on_stop_of_an_object_that_was_made():
    async def life():
        runner = Counter.instance()
        assert runner.stop() is None
        await runner.run(None, {})
        made = runner._object
        await runner.stop()
        return made.log

    assert asyncio.run(life()) == ["start", "stop"]


def test_a_plain_function_that_returns_a_coroutine_fails_with_the_remedy():
    @agent
    def forgot(ctx):
        async def inner():
            return 1

        return inner()

    with pytest.raises(TypeError, match="write it as `async def`"):
        TestTurn(forgot).run()


def test_the_context_is_optional_when_the_function_takes_nothing():
    @agent
    async def bare():
        return "done"

    @agent
    async def only_keywords(*, a: int):
        return a

    assert TestTurn(bare).run() == "done"
    assert TestTurn(only_keywords).run(a=4) == 4


def test_of_wraps_a_bare_function_and_keeps_a_spec():
    assert AgentSpec.of(shout) is shout
    assert AgentSpec.of(lambda ctx: 1, name="one").name == "one"
    assert AgentSpec.of(shout, name="loud", isolation=None).name == "loud"


def test_options_given_to_of_replace_and_the_rest_stays():
    other = AgentSpec.of(shout, isolation="process", tools=["echo.say"])
    assert (other.isolation, other.tools) == ("process", ("echo.say",))
    assert (other.name, other.model, other.attempts) == ("shout", "small", 3)
    assert shout.isolation == "shared"


def test_specs_that_differ_only_in_options_share_what_was_read_of_the_code():
    assert AgentSpec.of(shout, name="other").schema is shout.schema
    with pytest.raises(InvalidInput, match="agent 'other': Object missing"):
        AgentSpec.of(shout, name="other").check({})


def test_functions_among_the_tools_become_tools():
    @tool(name="calc.add")
    def plus(a: int, b: int):
        return a + b

    def minus(a: int, b: int):
        return a - b

    spec = AgentSpec.of(shout, tools=["x", plus, minus])
    assert [t if isinstance(t, str) else t.name for t in spec.tools] == ["x", "calc.add", "minus"]
    assert isinstance(spec.tools[2], Tool)


class NoRun:
    pass


class NeedsArguments:
    def __init__(self, url):
        pass

    async def run(self, ctx):
        pass


async def starred(ctx, *args):
    pass


async def slashed(ctx, a, /):
    pass


async def no_context(text: str):
    pass


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        (lambda ctx: 1, {"isolation": "shared"}, "'lambda'.*write `async def`, or use .*thread"),
        (lambda ctx: 1, {"isolation": "jail"}, "isolation 'jail' is unknown; use shared, thread"),
        (lambda ctx: 1, {"name": "a b"}, "agent 'a b': a name starts with a letter"),
        (lambda ctx: 1, {"attempts": 0}, "attempts is 0; give 1 or more"),
        (lambda ctx: 1, {"attempts": 1.5}, "attempts is 1.5"),
        (lambda ctx: 1, {"attempt_timeout": 0}, "attempt_timeout is 0; give seconds above 0"),
        (lambda ctx: 1, {"attempt_timeout": float("nan")}, "attempt_timeout is nan"),
        (NoRun, {}, "'NoRun': the class has no method run"),
        (NeedsArguments, {}, "'NeedsArguments': the class takes arguments; .*on_start"),
        (starred, {}, "parameter 'args' cannot be filled by name; take a list"),
        (slashed, {}, "parameter 'a' is positional-only; drop the '/'"),
        (no_context, {}, r"first parameter 'text: str' would get the context; write \(ctx, text"),
    ],
)
def test_what_cannot_be_an_agent_is_refused_with_the_rule_and_the_remedy(function, options, says):
    with pytest.raises(InvalidInput, match=says):
        agent(**options)(function)
