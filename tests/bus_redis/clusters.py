"""A cluster of three nodes and a trio of Sentinels, on loopback, made quick to fail over."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import redis
from redis.crc import key_slot

from .servers import Server, running

_NODE_TIMEOUT = 500  # milliseconds; a failover begins after it
_SLOTS = 16384


class Cluster:
    """Three masters, and a replica for the first of them when asked."""

    def __init__(self, binary, *lines, replica=False):
        options = (
            "cluster-enabled yes",
            f"cluster-node-timeout {_NODE_TIMEOUT}",
            "cluster-require-full-coverage no",
            *lines,
        )
        self._stack = ExitStack()
        count = 4 if replica else 3
        options = (*options, "repl-diskless-sync-delay 0")
        try:
            self.nodes = [Server(binary, *options) for _ in range(count)]
            self._stack.enter_context(running(*self.nodes))
            self._join(self.nodes)
        except BaseException:
            self._stack.close()
            raise

    @property
    def url(self):
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def close(self):
        self._stack.close()

    def owner(self, key):
        """The server that has the key's slot, as the cluster itself says."""
        slot = key_slot(key.encode())
        for node in self.nodes:
            for low, high, master, *_ in self._slots(node):
                if low <= slot <= high:
                    return next(n for n in self.nodes if n.port == master[1])
        raise AssertionError(f"no node has slot {slot}")

    def move(self, key, to):
        """Give the key's slot, with its keys, to another node, as ``redis-cli --cluster`` does."""
        slot, source = key_slot(key.encode()), self.owner(key)
        with to.client() as target, source.client() as origin:
            ids = {
                s: _text(c.execute_command("CLUSTER MYID"))
                for s, c in ((to, target), (source, origin))
            }
            target.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[source])
            origin.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[to])
            while keys := origin.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
                origin.execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *keys)
            target.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[to])
            origin.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[to])

    def fail_over(self):
        """Make the replica of the first node its master, as an operator does; both live on."""
        with self.nodes[3].client() as client:
            client.execute_command("CLUSTER FAILOVER")

    def _join(self, nodes):
        first = nodes[0]
        share = _SLOTS // 3 + 1
        for index, node in enumerate(nodes):
            with node.client() as client:
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
                if index < 3:
                    slots = range(index * share, min((index + 1) * share, _SLOTS))
                    client.execute_command("CLUSTER ADDSLOTS", *slots)
                if node is not first:
                    client.execute_command("CLUSTER MEET", "127.0.0.1", first.port)
        _until(lambda: all(len(_lines(node)) == len(nodes) for node in nodes))
        if len(nodes) > 3:
            self._replicate(nodes[3], first)
        _until(lambda: all(_info(node)["cluster_state"] == "ok" for node in nodes))
        _until(lambda: all(len({s[2][1] for s in self._slots(node)}) == 3 for node in nodes))

    def _replicate(self, replica, master):
        with master.client() as client:
            named = _text(client.execute_command("CLUSTER MYID"))
        with replica.client() as client:
            _until(lambda: any(named in line for line in _lines(replica)))
            client.execute_command("CLUSTER REPLICATE", named)
            _until(lambda: client.info("replication").get("master_link_status") == "up")

    def _slots(self, node):
        try:
            with node.client() as client:
                connection = client.connection_pool.get_connection()
                connection.send_command("CLUSTER", "SLOTS")
                return connection.read_response()
        except redis.ConnectionError:
            return []


class Trio:
    """A master, a replica, and three Sentinels that watch them as ``service``."""

    service = "retinue"

    def __init__(self, binary, *lines, sentinel_lines=()):
        self._stack = ExitStack()
        try:
            self.master = self._add(Server(binary, "repl-diskless-sync-delay 0", *lines))
            replicates = f"replicaof 127.0.0.1 {self.master.port}"
            self.replica = self._add(
                Server(binary, "repl-diskless-sync-delay 0", *lines, replicates)
            )
            watch = (
                f"sentinel monitor {self.service} 127.0.0.1 {self.master.port} 2",
                f"sentinel down-after-milliseconds {self.service} {_NODE_TIMEOUT}",
                f"sentinel failover-timeout {self.service} 2000",
                *sentinel_lines,
            )
            self.sentinels = [self._add(Server(binary, *watch, sentinel=True)) for _ in range(3)]
            _until(self._is_watched)
        except BaseException:
            self._stack.close()
            raise

    @property
    def url(self):
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{self.service}"

    def close(self):
        self._stack.close()

    def _add(self, server):
        self._stack.callback(server.close)
        return server

    def _is_watched(self):
        with self.replica.client() as client:
            if client.info("replication")["master_link_status"] != "up":
                return False
        return all(_knows(sentinel) == (1, 2) for sentinel in self.sentinels)


def _knows(sentinel):
    with sentinel.client() as client:
        found = client.sentinel_master(Trio.service)
        return found["num-slaves"], found["num-other-sentinels"]


def _lines(node):
    with node.client() as client:
        connection = client.connection_pool.get_connection()
        connection.send_command("CLUSTER", "NODES")
        return [
            line
            for line in _text(connection.read_response()).splitlines()
            if "handshake" not in line
        ]


def _info(node):
    with node.client() as client:
        return client.execute_command("CLUSTER INFO")


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _until(condition, timeout=20.0):
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, condition
        pause.wait(0.01)
