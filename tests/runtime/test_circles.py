"""Waits that must not be: on a dispatcher, and in a circle."""

from __future__ import annotations

import pytest

from retinue.actors.runtime import LightActor, ThreadActor
from retinue.bus.errors import BlockingCallInActor, DeadlockDetected


class Echo(LightActor):
    def on_receive(self, message):
        return message


@pytest.mark.parametrize("call", ["ask", "get", "stop", "close"])
def test_no_blocking_call_is_allowed_on_a_dispatcher(system, call):
    class Blocks(LightActor):
        def on_receive(self, message):
            if call == "ask":
                message.ask("x")
            elif call == "get":
                message.ask("x", block=False).get()
            elif call == "stop":
                message.stop()
            else:
                message.system.close()

    with pytest.raises(BlockingCallInActor, match="must not block"):
        system.start(Blocks).ask(system.start(Echo))


def test_taking_a_reply_that_is_there_is_not_blocking(system):
    class Takes(LightActor):
        async def on_receive(self, message):
            future = message.ask("x", block=False)
            await future
            return future.get()

    assert system.start(Takes).ask(system.start(Echo)) == "x"


def test_thread_actors_that_ask_in_a_circle_are_told_its_path(system):
    class Asks(ThreadActor):
        def __init__(self):
            self.other = None

        def on_receive(self, message):
            if message == "go":
                return self.other.ask("go")
            self.other = message
            return None

    a, b = system.start(Asks, name="a"), system.start(Asks, name="b")
    a.ask(b)
    b.ask(a)
    with pytest.raises(DeadlockDetected) as caught:
        a.ask("go")
    assert caught.value.path in {("a", "b", "a"), ("b", "a", "b")}
    assert a.statistics().sent + b.statistics().sent == 4


def test_an_actor_that_asks_itself_is_told(system):
    class Self(LightActor):
        async def on_receive(self, message):
            return await self.actor_ref.ask("me", block=False)

    with pytest.raises(DeadlockDetected, match="self → self"):
        system.start(Self, name="self").ask("go")


def test_a_circle_of_a_light_and_a_thread_actor_is_found_every_time(make_system):
    class Light(LightActor):
        async def on_receive(self, message):
            return await message.ask(self.actor_ref, block=False, timeout=5)

    class Own(ThreadActor):
        def on_receive(self, message):
            return message.ask(self.actor_ref, timeout=5)

    for _ in range(50):
        system = make_system()
        light, own = system.start(Light), system.start(Own)
        replies = [light.ask(own, block=False), own.ask(light, block=False)]
        for reply in replies:
            with pytest.raises(DeadlockDetected):
                reply.get()
        system.close()


def test_a_chain_of_asks_is_no_circle(system):
    class Asks(LightActor):
        async def on_receive(self, message):
            head, *rest = message
            return await head.ask(rest, block=False) if rest else await head.ask("x", block=False)

    refs = [system.start(Asks) for _ in range(5)]
    assert refs[0].ask([*refs[1:], system.start(Echo)]) == "x"
