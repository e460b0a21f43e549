"""Where to connect is asked of whoever answers, within the time that one answer may take."""

from __future__ import annotations

import pytest
import redis
from redis.crc import key_slot

from retinue.bus.redis.address import Host
from retinue.bus.redis.resolving import ClusterNodes, SentinelService

A, B, C, D = (Host(name, 1) for name in "abcd")


class Asked:
    """Answers for hosts; an error is raised. Keeps who was asked, and for how long."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    def __call__(self, host, command, seconds):
        self.calls.append((host.name, seconds))
        answer = self.answers[host.name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def hosts(self):
        found = [name for name, _ in self.calls]
        self.calls.clear()
        return found


def test_the_sentinel_that_answered_is_asked_first_the_next_time():
    asked = Asked(a=redis.TimeoutError("slow"), b=[b"h", b"7"], c=None)
    service = SentinelService((A, B, C), "s", asked, 0.9)
    assert service.find() == Host("h", 7)
    assert asked.calls == [("a", pytest.approx(0.3)), ("b", pytest.approx(0.3))]
    asked.calls.clear()
    assert service.find() == Host("h", 7)
    assert asked.hosts() == ["b"]


def test_what_each_sentinel_said_is_told_when_none_knows():
    service = SentinelService((A, B), "s", Asked(a=redis.ConnectionError("refused"), b=None), 1.0)
    with pytest.raises(
        redis.ConnectionError, match=r"a:1: refused; b:1: it watches no service 's'"
    ):
        service.find()


@pytest.mark.parametrize("answer", [[b"role", b"slave"], {b"role": b"replica"}, [], {}])
def test_a_server_that_is_no_master_is_not_accepted(answer):
    service = SentinelService((A,), "s", Asked(), 1.0)
    service.accept({b"role": b"master"})
    with pytest.raises(redis.ConnectionError, match="not the master"):
        service.accept(answer)


def test_the_node_that_has_the_slot_is_found_by_any_node():
    slot = key_slot(b"{k}")
    slots = [
        [0, slot - 1, [b"b", 1]],
        [slot, slot, [b"c", 1], [b"d", 1]],
        [slot + 1, 16383, [b"b", 1]],
    ]
    asked = Asked(a=slots, b=slots, c=redis.TimeoutError(), d=slots)
    nodes = ClusterNodes((A,), "{k}", asked, 1.0)
    assert nodes.find() == C
    assert asked.hosts() == ["a"]
    assert nodes.find() == C
    assert asked.hosts() == ["b"]


def test_nodes_heard_of_are_asked_when_those_of_the_url_are_gone():
    asked = Asked(a=[[0, 16383, [b"b", 1]]], b=redis.ConnectionError("down"))
    nodes = ClusterNodes((A,), "k", asked, 1.0)
    assert nodes.find() == B
    asked.answers = {"a": redis.ConnectionError("down"), "b": [[0, 16383, [b"b", 1]]]}
    assert nodes.find() == B
    assert asked.calls[1:] == [("b", 0.5)]


def test_a_large_cluster_is_not_asked_node_by_node():
    many = [[n, n, [b"n%d" % n, 1]] for n in range(100)]
    asked = Asked(a=many, n0=redis.TimeoutError(), n1=redis.TimeoutError(), n2=redis.TimeoutError())
    nodes = ClusterNodes((A,), "", asked, 1.0)
    assert nodes.find() == A
    assert nodes.find() == A
    assert asked.hosts() == ["a", "n0", "n1", "n2", "a"]


def test_a_node_that_leaves_out_its_address_is_the_one_that_was_asked():
    assert ClusterNodes((A,), "k", Asked(a=[[0, 16383, [None, 7]]]), 1.0).find() == Host("a", 7)
    assert ClusterNodes((A,), "k", Asked(a=[[0, 16383, [b"", 7]]]), 1.0).find() == Host("a", 7)


def test_who_may_not_ask_for_slots_listens_on_any_node():
    denied = redis.exceptions.NoPermissionError("NOPERM")
    assert ClusterNodes((A, B), "k", Asked(a=denied), 1.0).find() == A


def test_a_slot_that_no_node_has_is_said():
    nodes = ClusterNodes((A,), "k", Asked(a=[]), 1.0)
    with pytest.raises(redis.ConnectionError, match="no node has the slot"):
        nodes.find()
