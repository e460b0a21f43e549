"""Agents in processes of their own ask the kernel for what they were granted, plugins' agents too."""

from __future__ import annotations

import hashlib
import hmac
from itertools import islice

import pytest

from retinue.bus.errors import TaskFailed
from retinue.bus.journal import Filter
from retinue.kernel import Kernel
from retinue.plugins import AgentSpec

from .servers import ok
from .vaults import KEY, with_key

AGENTS = """
from retinue.plugins import agent

@agent(isolation="process")
async def fetches(ctx, url: str) -> list:
    answer = await ctx.http.fetch(url, headers={"authorization": ctx.secret.header("KEY")})
    return [answer.status, answer.text, (await ctx.secret.sign("KEY", b"data")).hex()]

@agent(isolation="process")
def waits(ctx, url: str) -> str:
    return ctx.wait(ctx.http.fetch(url)).text

@agent
async def inside(ctx, url: str) -> str:
    return (await ctx.http.fetch(url)).text
"""


@pytest.fixture
def kernel(tmp_path):
    with Kernel(config=with_key(tmp_path)) as started:
        yield started


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "reaching.py").write_text(AGENTS)

    def load(name, **permissions):
        loaded = AgentSpec.load(f"{tmp_path}/reaching.py:{name}")
        return AgentSpec.of(loaded, permissions=permissions or None)

    return load


def denial(kernel):
    """The first refusal that the kernel told of."""
    only = Filter(types=("security.denied",))
    return next(islice(filter(None, kernel.events(only=only)), 1)).data


def test_an_agent_in_a_process_fetches_and_signs_within_its_permissions(kernel, spec, serve):
    server = serve({"/": ok(b"from the web")})
    net = [{"host": "web.localhost", "ports": [server.port]}]
    kernel.spawn("fetches", spec("fetches", net=net, secrets=["KEY"]))
    kernel.spawn("waits", spec("waits", net=net))
    url = {"url": f"http://web.localhost:{server.port}/"}
    mac = hmac.new(KEY.encode(), b"data", hashlib.sha256).hexdigest()
    assert kernel.submit("fetches", url).result(timeout=20) == [200, "from the web", mac]
    assert f"authorization: Bearer {KEY}" in server.heads[0].lower().replace("bearer", "Bearer")
    assert kernel.submit("waits", url).result(timeout=20) == "from the web"
    assert kernel.agent("waits").permissions == (
        f"fetch from web.localhost:{server.port} with GET",
    )


def test_what_an_agent_was_not_granted_is_refused_and_told(kernel, spec, serve):
    server = serve({"/": ok(b"from the web")})
    kernel.spawn("waits", spec("waits", net=[{"host": "example.org"}]))
    with pytest.raises(TaskFailed) as failed:
        kernel.submit("waits", {"url": f"http://web.localhost:{server.port}/"}).result(timeout=20)
    assert failed.value.kind == "Denied"
    told = denial(kernel)
    assert told["principals"] == ["agent:waits"]
    assert told["layer"] == "mediation"
    assert server.connections == 0


def test_an_agent_in_the_kernels_process_has_no_host_and_is_told_why(kernel, spec):
    kernel.spawn("inside", spec("inside"))
    with pytest.raises(TaskFailed, match="agents in processes of their own"):
        kernel.submit("inside", {"url": "http://web.localhost/"}).result(timeout=20)


def test_an_agent_that_a_plugin_brings_fetches_within_the_plugins_grant(kernel, serve, tmp_path):
    server = serve({"/": ok(b"for a plugin")})
    folder = tmp_path / "bringer"
    folder.mkdir()
    (folder / "plugin.toml").write_text(
        'name = "bringer"\nversion = "1.0"\nentry = "bringer_agents"\n'
        f'[permissions]\nnet = [{{host = "web.localhost", ports = [{server.port}]}}]\n'
    )
    code = AGENTS.replace('(isolation="process")', "").replace("fetches", "bringer")
    (folder / "bringer_agents.py").write_text(code)
    kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest, by="the test")
    url = {"url": f"http://web.localhost:{server.port}/"}
    for agent in ("waits", "inside"):
        assert kernel.submit(agent, url).result(timeout=20) == "for a plugin"
    with pytest.raises(TaskFailed, match="KEY"):
        kernel.submit("bringer", url).result(timeout=20)
