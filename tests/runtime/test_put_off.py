"""What is put off until a thread has nothing else to do."""

from __future__ import annotations

import threading

from retinue.actors.runtime import LightActor
from retinue.actors.runtime.context import before_rest


def test_what_is_put_off_happens_once_the_thread_has_nothing_to_do(system):
    order, done = [], threading.Event()

    class Notes(LightActor):
        def on_receive(self, message):
            before_rest(lambda: (order.append("put off"), done.set()))
            order.append(message)

    class Holds(LightActor):
        def on_receive(self, message):
            for number in range(3):
                notes.tell(number)

    notes = system.start(Notes)
    system.start(Holds).tell("go")
    assert done.wait(10)
    system.close()
    assert order == [0, 1, 2, "put off", "put off", "put off"]


def test_what_is_put_off_in_the_last_turn_still_happens(system):
    order = []

    class Ends(LightActor):
        def on_stop(self):
            before_rest(lambda: order.append("put off"))

    system.start(Ends)
    system.close()
    assert order == ["put off"]


def test_on_a_hosts_thread_nothing_is_put_off():
    order = []
    before_rest(lambda: order.append("now"))
    assert order == ["now"]
