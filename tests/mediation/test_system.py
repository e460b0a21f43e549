"""The plugins that ship with the kernel, through the same mediator."""

from __future__ import annotations

import shutil
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from retinue.bus.errors import Denied, InvalidInput
from retinue.bus.journal import Filter
from retinue.kernel import Config, Kernel
from retinue.kernel.config import SandboxConfig, VaultConfig
from retinue.plugins import agent

from .servers import ok


@pytest.fixture
def kernel():
    with Kernel() as started:
        yield started


def first(kernel, type, count=1):
    return [e.data for e in islice(filter(None, kernel.events(only=Filter(types=(type,)))), count)][
        -1
    ]


def test_an_agent_fetches_from_the_hosts_that_the_operator_allows_and_no_others(serve):
    server = serve({"/": ok("grüße".encode(), "content-type: text/plain")})
    config = Config(
        sandbox=SandboxConfig(
            allow_private_hosts=("web.localhost",), vault={"KEY": VaultConfig(env="HOME")}
        ),
        plugins={"http": {"allow": [{"host": "web.localhost", "ports": [server.port]}]}},
    )

    @agent(tools=["http.*"])
    async def reader(ctx, url: str):
        return await ctx.call("http.fetch", url=url)

    with Kernel(config=config) as kernel:
        kernel.spawn("reader", reader)
        url = f"http://web.localhost:{server.port}/"
        given = kernel.submit("reader", {"url": url}).result(timeout=30)
        assert given == {"status": 200, "url": url, "type": "text/plain", "text": "grüße"}
        with pytest.raises(Denied, match="may not fetch"):
            kernel.invoke("http.send", {"url": url, "body": "x"})
        with pytest.raises(Denied, match="may not fetch"):
            kernel.invoke("http.fetch", {"url": "https://example.org/"})
        denied = first(kernel, "security.denied")
        assert denied["rule"] == "http.grant"
        assert denied["principals"] == ["plugin:http", "user:operator"]


@pytest.mark.parametrize("allow", [["*"], ["*.com"], ["127.0.0.1"], ["https://example.org"], [7]])
def test_an_allowed_host_that_is_none_leaves_the_plugin_out_and_the_kernel_running(allow):
    with Kernel(config=Config(plugins={"http": {"allow": allow}})) as kernel:
        state = {view.name: view.state for view in kernel.plugins()}
        assert state["http"] == "failed"
        assert state["clock"] == "loaded"


def test_without_hosts_nothing_is_fetched(kernel):
    with pytest.raises(Denied):
        kernel.invoke("http.fetch", {"url": "https://example.org/"})


def test_notes_last_and_each_agent_has_its_own(tmp_path):
    @agent(tools=["memory.*"])
    async def noter(ctx, key: str, text: str = ""):
        if text:
            await ctx.call("memory.put", key=key, text=text)
            await ctx.call("memory.put", key=key, text="for all", shared=True)
        return [
            await ctx.call("memory.get", key=key),
            await ctx.call("memory.get", key=key, shared=True),
        ]

    with Kernel(state_dir=tmp_path) as kernel:
        kernel.spawn("one", noter)
        kernel.spawn("two", noter)
        kernel.submit("one", {"key": "k", "text": "mine"}).result(timeout=30)
    with Kernel(state_dir=tmp_path) as kernel:
        kernel.spawn("one", noter)
        kernel.spawn("two", noter)
        assert kernel.submit("one", {"key": "k"}).result(timeout=30) == ["mine", "for all"]
        assert kernel.submit("two", {"key": "k"}).result(timeout=30) == [None, "for all"]
        assert kernel.invoke("memory.search", {"query": "all"}) == [{"key": "k", "text": "for all"}]
        assert kernel.invoke("memory.delete", {"key": "k"}) is True
        assert kernel.invoke("memory.keys") == []
    assert (tmp_path / "notes.db").stat().st_mode & 0o777 == 0o600


def test_a_secret_is_not_kept_in_a_note(kernel):
    kernel.secrets.register("the-secret-itself", "word")
    kernel.invoke("memory.put", {"key": "k", "text": "it is the-secret-itself"})
    assert kernel.invoke("memory.get", {"key": "k"}) == "it is [secret:word]"


@pytest.mark.parametrize(
    "args",
    [{"key": "", "text": "x"}, {"key": "k" * 300, "text": "x"}, {"key": "k", "text": "x" * 70_000}],
)
def test_a_note_over_its_bounds_is_refused(kernel, args):
    with pytest.raises(InvalidInput):
        kernel.invoke("memory.put", args)


@pytest.fixture
def strict(missing):
    if shutil.which("bwrap") is None:
        missing("bubblewrap", "apt-get install bubblewrap")


def command_lines():
    """Of every process that there is."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield place.read_bytes()


def run_in_background(kernel, name, **args):
    """An agent that runs a command, and its task."""

    @agent(tools=["shell.run"])
    async def runner(ctx):
        return await ctx.call("shell.run", **args)

    kernel.spawn(name, runner)
    return kernel.submit(name)


def test_a_command_runs_when_a_person_has_approved_it_and_sees_nothing_of_the_host(kernel, strict):
    task = run_in_background(kernel, "runner", argv=["cat", "-", "/etc/shadow"], stdin="given")
    asked = first(kernel, "approval.requested")
    assert asked["principals"] == ["plugin:shell", "agent:runner"]
    assert "/etc/shadow" in str(asked)
    kernel.approve(asked["approval"])
    done = task.result(timeout=30)
    assert (done["status"], done["stdout"]) == (1, "given")
    assert "/etc/shadow" in done["stderr"]


def test_a_command_that_a_person_denies_does_not_run(kernel, tmp_path):
    task = run_in_background(kernel, "runner", argv=["touch", str(tmp_path / "made")])
    asked = first(kernel, "approval.requested")
    kernel.deny(asked["approval"])
    with pytest.raises(Exception, match="denied"):
        task.result(timeout=30)
    assert not (tmp_path / "made").exists()


def test_a_command_that_does_not_end_is_killed_with_all_beneath_it(strict):
    with Kernel(config=Config(plugins={"shell": {"seconds": 0.5}})) as kernel:
        task = run_in_background(
            kernel,
            "runner",
            argv=["bash", "-c", "printf begun; sleep 100123 & setsid sleep 100123"],
        )
        kernel.approve(first(kernel, "approval.requested")["approval"])
        done = task.result(timeout=30)
        assert (done["status"], done["late"], done["stdout"]) == (-9, True, "begun")
    assert not [line for line in command_lines() if b"100123" in line]


def test_output_over_the_bound_is_cut_and_said_to_be(strict):
    with Kernel(config=Config(plugins={"shell": {"output": 1000, "seconds": 5}})) as kernel:
        task = run_in_background(kernel, "runner", argv=["seq", "5000"])
        kernel.approve(first(kernel, "approval.requested")["approval"])
        done = task.result(timeout=30)
        assert (len(done["stdout"]), done["cut"], done["status"]) == (1000, True, 0)
