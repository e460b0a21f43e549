from __future__ import annotations

import asyncio

import pytest

from retinue.bus.errors import Denied, RetinueError
from retinue.plugins.mediation.denials import MAX_KINDS, Denials
from retinue.plugins.mediation.mediator import ServiceMediator


def told_of(world, refusals, seconds=0.05):
    """What is told of refusals, given as (resource, agent), until all are accounted for."""

    async def play():
        told, all_of_them = [], asyncio.Event()

        def tell(call, method, error, count):
            told.append((call.principals.agent, method, error.resource, count))
            if sum(count for *_, count in told) == len(refusals):
                all_of_them.set()

        denials = Denials(tell, seconds)
        for resource, agent in refusals:
            denials.add(world.call(agent=agent), "http.fetch", Denied("http.grant", resource, "no"))
        await asyncio.wait_for(all_of_them.wait(), 10)
        return told

    return asyncio.run(play())


def test_a_refusal_is_told_at_once_and_its_repetitions_in_one_sum(world):
    told = told_of(world, [("evil.test", "x")] * 1000)
    assert told == [
        ("x", "http.fetch", "evil.test", 1),
        ("x", "http.fetch", "evil.test", 999),
    ]


def test_whoever_tries_ever_new_things_is_summed_up_all_the_same(world):
    told = told_of(world, [(f"{n}.test", "x") for n in range(1000)])
    assert len(told) <= MAX_KINDS + 2
    assert told[-1][3] == 1000 - MAX_KINDS - 1


def test_the_refusals_of_others_are_told_apart(world):
    told = told_of(world, [("evil.test", "x"), ("evil.test", "y")])
    assert [agent for agent, *_ in told] == ["x", "y"]


def test_what_a_service_breaks_on_is_told_to_the_plugin_without_its_text(world):
    class Broken:
        async def handle(self, call, method, params):
            raise OSError(2, "No such file", "/root/secret-place")

    mediator = ServiceMediator({"x": Broken()}, world._tell)
    with pytest.raises(RetinueError) as error:
        asyncio.run(mediator.handle(world.call(), "x.y", b"{}"))
    assert "secret-place" not in str(error.value)


@pytest.mark.parametrize(
    "method", ["", ".", "http", "fs.", "os.system", "http.fetch.more", "HTTP.fetch"]
)
def test_a_method_that_there_is_not_is_refused_and_told(world, method):
    with pytest.raises(Denied):
        world.ask(method)
    assert world.rules[0].endswith("unknown_method")
