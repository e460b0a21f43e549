"""Streams of dialects on a cluster."""

from __future__ import annotations

import pytest

from retinue.bus.errors import ConfigError
from retinue.bus.redis.slots import check_slot

CLUSTER = "redis+cluster://localhost:7000,localhost:7001"


def test_on_one_server_a_stream_may_have_any_name():
    check_slot("redis://localhost:7000", "main", "agent_events", "x.key")


def test_on_a_cluster_it_shares_the_slot_of_the_kernel():
    check_slot(CLUSTER, "main", "{main}:agent_events", "x.key")
    with pytest.raises(ConfigError, match=r"x\.key is 'agent_events'.*'\{main\}:agent_events'"):
        check_slot(CLUSTER, "main", "agent_events", "x.key")
