from __future__ import annotations

import threading

import pykka
import pytest

from retinue.actors.runtime import LightActor, System, ThreadActor, default_system
from retinue.bus.errors import InvalidInput

BOTH = pytest.mark.parametrize("base", [LightActor, ThreadActor])


class Echo(LightActor):
    def on_receive(self, message):
        return message


@BOTH
def test_an_actor_answers_what_it_is_asked(system, base):
    class Doubles(base):
        def on_receive(self, message):
            return message * 2

    assert system.start(Doubles).ask(21) == 42


@BOTH
def test_a_handler_may_be_async_and_await_other_actors(system, base):
    class Asks(base):
        async def on_receive(self, message):
            first = await message.ask("a", block=False)
            return first + await message.ask("b", block=False)

    assert system.start(Asks).ask(system.start(Echo)) == "ab"


@BOTH
def test_every_hook_may_be_async(system, base):
    said = []

    class Hooks(base):
        def __init__(self, echo):
            self.echo = echo

        async def on_start(self):
            said.append(await self.echo.ask("start", block=False))

        def on_receive(self, message):
            raise ValueError(message)

        async def on_failure(self, kind, error, traceback):
            said.append(await self.echo.ask(f"failure {error}", block=False))

        async def on_stop(self):
            said.append(await self.echo.ask("stop", block=False))

    ref = system.start(Hooks, system.start(Echo))
    ref.tell("x")
    ref.stop()
    assert said == ["start", "failure x", "start", "stop"]


def test_an_actor_takes_one_message_at_a_time_even_while_its_handler_is_suspended(system):
    said, asked, reply = [], threading.Event(), threading.Event()

    class Slow(ThreadActor):
        def on_receive(self, message):
            asked.set()
            assert reply.wait(10)

    class Awaits(LightActor):
        async def on_receive(self, message):
            if message == "first":
                said.append("first begins")
                await slow.ask("x", block=False)
                said.append("first ends")
            else:
                said.append(message)

    slow = system.start(Slow)
    ref = system.start(Awaits)
    ref.tell("first")
    ref.tell("second")
    assert asked.wait(10)
    ref.tell("control", control=True)
    assert system.start(Echo).ask("the dispatcher runs on") == "the dispatcher runs on"
    assert said == ["first begins"]
    assert ref.statistics().state == "running"
    assert repr(ref) == "<ActorRef Awaits-2 awaiting str, 2 queued>"
    reply.set()
    ref.stop()
    assert said == ["first begins", "first ends", "control", "second"]


def test_messages_of_one_sender_arrive_in_the_order_they_were_sent(system):
    got = []

    class Keeps(LightActor):
        def on_receive(self, message):
            got.append(message)

    ref = system.start(Keeps)

    def send(sender):
        for number in range(500):
            ref.tell((sender, number))

    senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    ref.stop()
    for n in range(4):
        assert [number for sender, number in got if sender == n] == list(range(500))


def test_a_flooded_actor_does_not_keep_its_neighbours_waiting(system):
    order, held = [], threading.Event()

    class Holds(LightActor):
        def on_receive(self, message):
            assert held.wait(10)

    class Notes(LightActor):
        def on_receive(self, message):
            order.append(message)

    hold, flooded, neighbour = (system.start(cls) for cls in (Holds, Notes, Notes))
    hold.tell("until everything is queued")
    for _ in range(10_000):
        flooded.tell("flood")
    neighbour.tell("neighbour")
    held.set()
    flooded.stop()
    assert order.index("neighbour") <= 64


def test_light_actors_share_one_thread_and_thread_actors_have_their_own(system):
    class Where:
        def on_receive(self, message):
            return threading.current_thread().name

    class Light(Where, LightActor):
        pass

    class Own(Where, ThreadActor):
        pass

    light = {system.start(Light).ask("?") for _ in range(5)}
    apart = system.start(Light, dispatcher="agents").ask("?")
    own = {system.start(Own, name=f"own-{n}").ask("?") for n in range(3)}
    assert light == {"retinue:test:main"}
    assert apart == "retinue:test:agents"
    assert own == {f"retinue:test:own-{n}" for n in range(3)}


def test_a_message_that_nobody_handles_is_a_failure(system):
    class Silent(LightActor):
        pass

    with pytest.raises(NotImplementedError, match="Silent got str"):
        system.start(Silent).ask("anything")


def test_awaiting_what_needs_a_loop_fails_with_what_to_do(system):
    class Sleeps(LightActor):
        async def on_receive(self, message):
            import asyncio

            await asyncio.sleep(0)

    with pytest.raises(TypeError, match="needs an asyncio loop"):
        system.start(Sleeps).ask("go")


def test_names_are_unique_among_the_living(system):
    first = system.start(Echo, name="echo")
    with pytest.raises(InvalidInput, match="'echo' is taken"):
        system.start(Echo, name="echo")
    first.stop()
    assert system.start(Echo, name="echo").ask(1) == 1


def test_find_knows_given_and_numbered_names(system):
    named, numbered = system.start(Echo, name="echo-7"), system.start(Echo)
    assert system.find("echo-7") is named
    assert system.find(numbered.name) is numbered
    assert system.find("Other-2") is None
    assert system.refs() == [named, numbered]


def test_an_actor_starts_without_any_set_up_and_leaves_nothing_behind(wait_until):
    before = set(threading.enumerate())
    ref = Echo.start()
    assert ref.ask(1) == 1
    assert ref.system is default_system()
    ref.stop()
    wait_until(lambda: set(threading.enumerate()) == before)
    assert Echo.start().ask(2) == 2
    for left in default_system().refs():
        left.stop()
    wait_until(lambda: set(threading.enumerate()) == before)


def test_closing_a_system_a_thousand_times_leaves_no_thread(wait_until):
    before = set(threading.enumerate())
    for number in range(1000):
        with System(f"s{number}") as system:
            assert system.start(Echo).ask(number) == number
    assert set(threading.enumerate()) == before


def test_pykka_proxies_work(system):
    class Counter(LightActor):
        def __init__(self):
            self.count = 0

        def add(self, number):
            self.count += number
            return self.count

    proxy = system.start(Counter).proxy()
    assert proxy.add(2).get(timeout=10) == 2
    proxy.count = 40
    proxy.add.defer(2)
    assert proxy.count.get() == 42
    assert pykka.get_all([proxy.add(1), proxy.add(1)]) == [43, 44]


def test_a_repr_says_name_state_and_queue(system):
    ref = system.start(Echo, name="echo")
    assert repr(ref) == "<ActorRef echo running, 0 queued>"
    assert str(ref) == "echo"
    assert repr(system) == "<System test 1 actors>"
    ref.stop()
    assert repr(ref) == "<ActorRef echo stopped, 0 queued>"
    assert repr(system) == "<System test 0 actors>"


def test_statistics_say_what_runs_and_since_when(make_system, clock, wait_until):
    system, entered, leave = make_system(clock=clock), threading.Event(), threading.Event()

    class Works(ThreadActor):
        def on_receive(self, message):
            entered.set()
            assert leave.wait(10)

    ref = system.start(Works, name="works")
    clock.advance(5)
    began = clock.monotonic()
    ref.tell(b"12345")
    assert entered.wait(10)
    ref.tell(b"123")
    clock.advance(2)
    now = ref.statistics()
    assert (now.current, now.current_since) == ("bytes", began)
    assert (now.mailbox_count, now.mailbox_bytes, now.pending) == (1, 3, 2)
    leave.set()
    wait_until(lambda: ref.statistics().handled == 2)
    wait_until(lambda: ref.statistics().current is None)
    assert ref.statistics().busy_seconds == 2.0
    assert ref.statistics().sent == 2
    with pytest.raises(AttributeError):
        ref.statistics().handled = 0
