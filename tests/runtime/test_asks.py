from __future__ import annotations

import asyncio
import threading

import pykka
import pytest

from retinue.actors.runtime import Future, LightActor, ThreadActor
from retinue.bus.errors import ActorDead, DeadlineExceeded


class Echo(LightActor):
    def on_receive(self, message):
        return message


class Silent(LightActor):
    """Replies when the test says so."""

    def __init__(self):
        self.kept = []

    def on_receive(self, message):
        if message == "kept":
            return self.kept
        future = self.defer()
        self.kept.append(future)
        return future


class Asker(LightActor):
    async def on_receive(self, message):
        ref, timeout = message
        try:
            return await ref.ask("question", block=False, timeout=timeout)
        except DeadlineExceeded as error:
            return str(error)


def test_an_awaited_ask_ends_at_its_deadline(make_system, clock, wait_until):
    system = make_system(clock=clock)
    silent, asker = system.start(Silent, name="silent"), system.start(Asker)
    reply = asker.ask((silent, 5.0), block=False, timeout=60)
    wait_until(lambda: silent.statistics().handled == 1)
    clock.advance(4.9)
    assert not reply.done
    clock.advance(0.2)
    assert reply.get() == "silent asked str did not answer within 5 s"


def test_each_of_many_awaited_asks_ends_at_its_own_deadline(make_system, clock, wait_until):
    system = make_system(clock=clock)
    silent, asker = system.start(Silent, name="silent"), system.start(Asker)
    for seconds in (20.0, 5.0, 10.0):
        reply = asker.ask((silent, seconds), block=False, timeout=60)
        wait_until(lambda: asker.cell.waiting is not None)
        clock.advance(seconds - 0.1)
        assert not reply.done
        clock.advance(0.2)
        assert reply.get() == f"silent asked str did not answer within {seconds:g} s"
        wait_until(lambda: asker.cell.waiting is None)


def test_a_deadline_is_kept_though_an_earlier_ask_was_answered(make_system, clock, wait_until):
    system = make_system(clock=clock)
    echo, silent = system.start(Echo), system.start(Silent, name="silent")

    class AsksTwice(LightActor):
        async def on_receive(self, message):
            await echo.ask("x", block=False, timeout=5.0)
            await silent.ask("x", block=False, timeout=10.0)

    reply = system.start(AsksTwice).ask("go", block=False, timeout=60)
    wait_until(lambda: silent.statistics().handled == 1)
    clock.advance(5.5)
    wait_until(lambda: system.timers.next == clock.monotonic() + 4.5)
    assert not reply.done
    clock.advance(5)
    with pytest.raises(DeadlineExceeded, match="silent asked str did not answer within 10 s"):
        reply.get()


def test_an_ask_that_nobody_waits_for_is_over_at_its_deadline(make_system, clock):
    system = make_system(clock=clock)
    future = system.start(Silent, name="silent").ask("question", block=False, timeout=3)
    clock.advance(2.9)
    assert not future.done
    clock.advance(0.1)
    assert future.done
    with pytest.raises(DeadlineExceeded, match="silent asked str did not answer within 3 s"):
        future.get()


def test_a_callback_on_an_ask_comes_by_the_deadline(make_system, clock):
    system = make_system(clock=clock)
    future, called = system.start(Silent).ask("question", block=False), threading.Event()
    future.on_done(called.set)
    clock.advance(30)
    assert called.wait(10)


def test_a_reply_after_the_deadline_is_thrown_away(system):
    silent = system.start(Silent)
    with pytest.raises(DeadlineExceeded):
        silent.ask("question", timeout=0.01)
    [kept] = silent.ask("kept")
    assert not kept.settle(1, "late")
    assert silent.ask("kept") == [kept]


def test_a_handler_may_reply_later(system):
    silent = system.start(Silent)
    reply = silent.ask("question", block=False)
    [kept] = silent.ask("kept")
    assert kept is reply
    kept.set("answer")
    assert reply.get() == "answer"
    assert silent.statistics().handled == 2


def test_a_refusal_reaches_the_asker_and_is_no_failure(system):
    class Refuses(LightActor):
        async def on_receive(self, message):
            return self.refuse(KeyError(message))

    ref = system.start(Refuses)
    with pytest.raises(KeyError):
        ref.ask("key")
    assert system.failures == []
    ref.tell("told")
    ref.stop()
    assert [(str(error), message) for _, error, message in system.failures] == [("'told'", "told")]
    assert (ref.statistics().failed, ref.statistics().restarts) == (0, 0)


def test_waiting_less_than_the_deadline_does_not_end_the_ask(system):
    silent = system.start(Silent)
    reply = silent.ask("question", block=False)
    with pytest.raises(DeadlineExceeded, match=r"within 0\.01 s"):
        reply.get(timeout=0.01)
    silent.ask("kept")[0].set("answer")
    assert reply.get() == "answer"


def test_errors_are_caught_under_the_names_that_pykka_gives_them(system):
    silent, gone = system.start(Silent), system.start(Echo)
    gone.stop()
    with pytest.raises(pykka.Timeout):
        silent.ask("question", timeout=0.01)
    with pytest.raises(pykka.ActorDeadError):
        gone.ask("anything")
    with pytest.raises(pykka.ActorDeadError):
        gone.tell("anything")


def test_asking_a_stopped_actor_fails_at_once_and_leaves_a_dead_letter(system):
    gone = system.start(Echo, name="gone")
    gone.stop()
    future = gone.ask("anything", block=False)
    assert future.done
    with pytest.raises(ActorDead, match=r"gone has stopped \(stopped\)"):
        future.get()
    assert [d.message for d in system.dead_letters] == ["anything"]


def test_an_async_handler_gets_the_error_of_the_one_it_asked(system):
    class Fails(LightActor):
        def on_receive(self, message):
            raise KeyError(message)

    class Catches(LightActor):
        async def on_receive(self, message):
            try:
                await message.ask("x", block=False)
            except KeyError as error:
                return f"caught {error}"

    assert system.start(Catches).ask(system.start(Fails)) == "caught 'x'"


def test_two_actors_may_await_one_future(system):
    shared = Future()

    class Waits(LightActor):
        async def on_receive(self, message):
            return await shared

    replies = [system.start(Waits).ask("x", block=False) for _ in range(3)]
    system.start(Echo).ask("all of them wait by now")
    shared.set("for all")
    assert [reply.get() for reply in replies] == ["for all"] * 3


def test_a_future_takes_one_outcome(system):
    future = Future()
    future.set(1)
    with pytest.raises(RuntimeError, match="outcome already"):
        future.set(2)
    assert future.get() == 1


def test_one_of_many_threads_gives_the_outcome():
    for _ in range(200):
        future, start = Future(), threading.Barrier(4)
        won = []

        def settle(n, future=future, start=start, won=won):
            start.wait()
            if future.settle(1, n):
                won.append(n)

        threads = [threading.Thread(target=settle, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [future.get()]


def test_futures_combine_as_pykkas_do(system):
    echo = system.start(Echo)
    one, many = echo.ask(1, block=False), echo.ask([1, 2, 3], block=False)
    assert one.map(lambda value: value + 1).get() == 2
    assert many.filter(lambda value: value > 1).get() == [2, 3]
    assert one.join(many).get() == [1, [1, 2, 3]]
    assert many.reduce(lambda a, b: a + b).get() == 6


def test_a_combined_future_can_be_awaited_in_an_actor(system):
    class Combines(LightActor):
        async def on_receive(self, message):
            asked = [message.ask(number, block=False) for number in range(3)]
            return await asked[0].join(*asked[1:]).map(sum)

    assert system.start(Combines).ask(system.start(Echo)) == 3


def test_a_callback_that_fails_does_not_harm_the_actor_that_replies(system, caplog):
    silent = system.start(Silent)
    reply, other = silent.ask("question", block=False), threading.Event()
    reply.on_done(lambda: 1 / 0)
    reply.on_done(other.set)
    silent.ask("kept")[0].set("answer")
    assert other.is_set()
    assert "callback" in caplog.text
    assert silent.ask("kept")


def test_thousands_of_asks_are_awaited_in_one_loop(system):
    echo = system.start(Echo)

    async def main():
        futures = (echo.ask(number, block=False) for number in range(2_000))
        return await asyncio.gather(*(_wait(future) for future in futures))

    assert asyncio.run(main()) == list(range(2_000))


def test_an_ask_in_a_loop_ends_at_its_deadline(system):
    async def main():
        await system.start(Silent).ask("question", block=False, timeout=0.05)

    with pytest.raises(DeadlineExceeded):
        asyncio.run(main())


def test_a_loop_that_is_closed_before_the_reply_harms_nobody(system, caplog):
    silent = system.start(Silent)

    async def main():
        task = asyncio.ensure_future(_wait(silent.ask("question", block=False)))
        await asyncio.wait([task], timeout=0.01)
        task.cancel()

    asyncio.run(main())
    [kept] = silent.ask("kept")
    kept.set("to nobody")
    assert silent.ask("kept") == [kept]
    assert caplog.text == ""


def test_a_thread_actor_may_run_a_loop_and_await_in_it(system):
    class Loops(ThreadActor):
        def on_receive(self, message):
            return asyncio.run(_wait(message.ask("x", block=False)))

    assert system.start(Loops).ask(system.start(Echo)) == "x"


def test_awaiting_outside_an_actor_and_a_loop_says_so(system):
    future = system.start(Silent).ask("question", block=False)
    with pytest.raises(RuntimeError, match="outside an actor and an asyncio loop"):
        future.__await__().send(None)


async def _wait(future):
    return await future
