"""How actors start: in their constructor, on their dispatcher, from another actor, or not at all."""

from __future__ import annotations

import pytest

from retinue.actors.runtime import LightActor, ThreadActor, current_actor
from retinue.bus.errors import DeadlineExceeded, StartFailed

BOTH = pytest.mark.parametrize("base", [LightActor, ThreadActor])


class Echo(LightActor):
    def on_receive(self, message):
        return message


def test_an_actor_knows_its_ref_in_its_constructor_and_can_tell_itself(system):
    other = system.start(Echo)

    class Tells(LightActor):
        def __init__(self):
            self.got = None
            self.actor_ref.tell("from the constructor")
            other.ask("the dispatcher has gone round")

        def on_receive(self, message):
            before, self.got = self.got, message
            return before

    assert system.start(Tells).ask("?") == "from the constructor"


def test_current_actor_is_the_one_whose_code_runs(system):
    class Who(LightActor):
        def on_receive(self, message):
            return current_actor()

    ref = system.start(Who)
    assert ref.ask("?") is ref
    assert current_actor() is None


def test_a_constructor_that_raises_is_a_failed_start(system):
    class Broken(LightActor):
        def __init__(self, port):
            self.actor_ref.tell("never handled")
            raise OSError(f"port {port} is in use")

    with pytest.raises(StartFailed, match="port 80 is in use"):
        system.start(Broken, 80)
    assert system.refs() == []
    assert [d.message for d in system.dead_letters] == ["never handled"]


@BOTH
def test_a_start_that_does_not_end_is_given_up_by_its_deadline(make_system, base):
    system = make_system(start_timeout=0.05)

    class Hangs(base):
        async def on_start(self):
            await self.actor_ref.system.sleep(3600)

    with pytest.raises(StartFailed, match=r"within 0\.05 s"):
        system.start(Hangs)
    system.close()
    assert system.refs() == []


def test_a_start_that_is_awaited_ends_by_its_deadline_too(make_system, wait_until):
    system = make_system(start_timeout=0.05)

    class Hangs(LightActor):
        async def on_start(self):
            await self.actor_ref.system.sleep(3600)

    started = system.start_soon(Hangs, name="hangs")
    with pytest.raises(DeadlineExceeded, match=r"hangs asked Start did not answer within 0\.05 s"):
        started.get()
    wait_until(lambda: system.refs() == [])


def test_an_actor_starts_others_on_its_own_dispatcher(system):
    class Child(LightActor):
        def on_start(self):
            self.ready = True

        def on_receive(self, message):
            return self.ready

    class Parent(LightActor):
        def on_receive(self, message):
            return current_actor().system.start(Child), current_actor()

    parent = system.start(Parent)
    child, current = parent.ask("go")
    assert child.ask("?") is True
    assert current is parent


def test_an_actor_starts_a_thread_actor_without_blocking(system):
    class Child(ThreadActor):
        def on_start(self):
            self.ready = True

        def on_receive(self, message):
            return self.ready

    class Parent(LightActor):
        async def on_receive(self, message):
            return await current_actor().system.start_soon(Child)

    assert system.start(Parent).ask("go").ask("?") is True
