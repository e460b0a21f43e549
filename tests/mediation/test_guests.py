"""Real plugins in real sandboxes, asking a real kernel."""

from __future__ import annotations

from itertools import islice

import pytest

from retinue.bus.errors import Denied, RetinueError
from retinue.bus.journal import Filter
from retinue.kernel import Config, Kernel
from retinue.kernel.config import SandboxConfig, VaultConfig
from retinue.plugins import agent

from .servers import ok

KEY = "s3cret-value-of-it"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One for all: each plugin has a name of its own."""
    secret = tmp_path_factory.mktemp("vault") / "key"
    secret.write_text(f"{KEY}\n")
    secret.chmod(0o600)
    sandbox = SandboxConfig(
        allow_private_hosts=("web.localhost",), vault={"KEY": VaultConfig(file=str(secret))}
    )
    with Kernel(config=Config(sandbox=sandbox)) as started:
        yield started


@pytest.fixture
def load(kernel, tmp_path):
    """``load(name, code, manifest)``: written, approved, loaded."""

    def make(name, code, manifest=""):
        folder = tmp_path / name
        folder.mkdir()
        module = name.replace("-", "_") + "_tools"
        head = f'name = "{name}"\nversion = "1.0"\nentry = "{module}"\n'
        (folder / "plugin.toml").write_text(head + manifest)
        source = f"from retinue.plugins import Plugin, ToolContext, tool\n{code}"
        (folder / f"{module}.py").write_text(source)
        kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest, by="the test")

    return make


def denials(kernel, plugin, count=1):
    """The first refusals of a plugin, as they come."""
    only = Filter(types=("security.denied",))
    own = (e.data for e in kernel.events(only=only) if f"plugin:{plugin}" in e.data["principals"])
    return list(islice(own, count))


def test_async_and_plain_tools_reach_out_in_the_same_words(kernel, load, serve, tmp_path):
    server = serve({"/": ok(b"from the web" * 20_000)})
    data = tmp_path / "data"
    data.mkdir(mode=0o777)
    (data / "in.txt").write_text("x" * 300_000)
    load(
        "reacher",
        """
@tool
async def later(ctx: ToolContext, url: str, folder: str) -> list:
    "All of it, awaited."
    read = await ctx.files.read(f"{folder}/in.txt")
    await ctx.files.write(f"{folder}/later.txt", read)
    names = [entry.name for entry in await ctx.files.list(folder)]
    answer = await ctx.http.fetch(url)
    await ctx.memory.put("seen", f"{answer.status} {len(answer.body)}")
    mac = await ctx.secret.sign("KEY", b"data")
    return [len(read), names, (await ctx.memory.get("seen")).text, len(mac)]

@tool
def plainly(ctx: ToolContext, url: str, folder: str) -> list:
    "All of it, waited for."
    read = ctx.wait(ctx.files.read(f"{folder}/in.txt", 10, 100))
    answer = ctx.wait(ctx.http.open(url))
    size = 0
    while piece := ctx.wait(answer.read()):
        size += len(piece)
    found = ctx.wait(ctx.memory.search("200"))
    return [len(read), answer.status, size, [note.key for note in found]]
""",
        f"""
[permissions]
write = ["{data}"]
kernel = ["memory"]
secrets = ["KEY"]
net = [{{host = "web.localhost", ports = [{server.port}]}}]
""",
    )
    args = {"url": f"http://web.localhost:{server.port}/", "folder": str(data)}
    assert kernel.invoke("reacher.later", args) == [
        300_000,
        ["in.txt", "later.txt"],
        "200 240000",
        32,
    ]
    assert (data / "later.txt").read_text() == "x" * 300_000
    assert kernel.invoke("reacher.plainly", args) == [100, 200, 240_000, ["seen"]]


def test_a_secret_is_sent_and_stands_nowhere(kernel, load, serve):
    async def echo(reader, writer, head):
        writer.write(ok(head.encode()))
        await writer.drain()

    server = serve({"/": echo})
    load(
        "keeper",
        """
@tool
async def send(ctx: ToolContext, url: str) -> str:
    "With a secret."
    headers = {"authorization": ctx.secret.header("KEY")}
    return (await ctx.http.fetch(url, headers=headers)).text
""",
        f"""
[permissions]
secrets = ["KEY"]
net = [{{host = "web.localhost", ports = [{server.port}]}}]
""",
    )
    told = kernel.invoke("keeper.send", {"url": f"http://web.localhost:{server.port}/"})
    assert "Bearer [secret:KEY]" in told
    assert f"authorization: Bearer {KEY}" in server.heads[0]
    assert KEY not in str([e.data for e in kernel.events(follow=False)])


def test_what_was_not_granted_is_refused_and_told_with_rule_and_chain(kernel, load):
    load(
        "greedy",
        """
@tool
async def grab(ctx: ToolContext) -> list:
    "Try everything."
    rules = []
    for work in (
        lambda: ctx.files.read("/etc/shadow"),
        lambda: ctx.http.fetch("https://example.org/"),
        lambda: ctx.http.fetch("http://169.254.169.254/"),
        lambda: ctx.secret.sign("KEY", b""),
        lambda: ctx.kernel.submit("anybody"),
        lambda: ctx.kernel.ask("anybody"),
        lambda: ctx.kernel.state("t-1"),
        lambda: ctx.tools.call("clock.now"),
        lambda: ctx.memory.put("a", "b"),
        lambda: ctx.host.ask("process.run", {"argv": ["id"]}),
    ):
        try:
            await work()
        except Exception as error:
            rules.append(getattr(error, "rule", repr(error)))
    return rules
""",
    )

    @agent(tools=["greedy.grab"])
    async def curious(ctx):
        return await ctx.call("greedy.grab")

    kernel.spawn("curious", curious)
    expected = [
        "fs.read",
        "http.grant",
        "http.url",
        "secret.grant",
        "kernel.grant",
        "kernel.grant",
        "kernel.grant",
        "call.grant",
        "memory.grant",
        "host.unknown_method",
    ]
    assert kernel.submit("curious").result(timeout=30) == expected
    told = denials(kernel, "greedy", len(expected))
    assert [event["rule"] for event in told] == expected
    assert {tuple(event["principals"]) for event in told} == {("plugin:greedy", "agent:curious")}
    assert {event["layer"] for event in told} == {"mediation"}


def test_a_plugin_submits_children_of_the_task_that_it_works_for(kernel, load):
    load(
        "boss",
        """
@tool
async def delegate(ctx: ToolContext, word: str) -> list:
    "Have an agent do it."
    task = await ctx.kernel.submit("louder", text=word)
    return [await ctx.kernel.ask("louder", text=word), await ctx.kernel.state(task) != ""]
""",
        '[permissions]\nkernel = ["submit", "ask", "state"]\n',
    )

    @agent
    async def louder(ctx, text: str) -> str:
        return text.upper()

    @agent(tools=["boss.delegate"])
    async def manager(ctx):
        return await ctx.call("boss.delegate", word="hi")

    kernel.spawn("louder", louder)
    kernel.spawn("manager", manager)
    handle = kernel.submit("manager")
    assert handle.result(timeout=30) == ["HI", True]
    parents = [t.parent for t in kernel.tasks() if t.run == handle.run and t.agent == "louder"]
    assert parents == [handle.id, handle.id]
    assert kernel.invoke("boss.delegate", {"word": "me"}) == ["ME", True]


def test_the_state_of_another_run_is_nobodys_business(kernel, load):
    load(
        "snoop",
        """
@tool
async def look(ctx: ToolContext, task: str) -> str:
    "At somebody else's task."
    return await ctx.kernel.state(task)
""",
        '[permissions]\nkernel = ["state"]\n',
    )

    @agent
    async def private(ctx):
        return 1

    kernel.spawn("private", private)
    handle = kernel.submit("private")
    handle.result(timeout=30)
    with pytest.raises(Denied, match="another run"):
        kernel.invoke("snoop.look", {"task": handle.id})


CALLER = """
@tool
async def call(ctx: ToolContext, tool: str, args: dict = {}) -> object:
    "Call another plugin's tool."
    return await ctx.tools.call(tool, **args)
"""


def test_a_plugin_calls_what_it_was_granted_by_name_and_the_chain_is_told(kernel, load):
    load("first", CALLER, '[permissions]\ntools = ["second.call", "echo.say"]\n')
    load("second", CALLER, '[permissions]\ntools = ["first.call", "clock.now"]\n')
    through = {"tool": "second.call", "args": {"tool": "clock.now"}}
    assert "epoch" in kernel.invoke("first.call", through)
    called = [
        event.data["via"]
        for event in kernel.events(only=Filter(types=("tool.called",)), follow=False)
        if event.data["tool"] == "clock.now"
    ]
    assert called == [["plugin:second", "plugin:first", "user:operator"]]


def test_no_plugin_lends_its_rights_to_one_that_it_calls_or_that_calls_it(kernel, load):
    load("rich", CALLER, '[permissions]\ntools = ["poor.call", "clock.now"]\n')
    load("poor", CALLER, '[permissions]\ntools = ["rich.call"]\n')
    with pytest.raises(RetinueError, match="may not call"):
        kernel.invoke("rich.call", {"tool": "poor.call", "args": {"tool": "clock.now"}})
    refused = denials(kernel, "poor")[0]
    assert refused["rule"] == "call.grant"
    assert refused["principals"] == ["plugin:poor", "plugin:rich", "user:operator"]


def test_a_call_that_comes_back_to_a_plugin_is_refused(kernel, load):
    load("ping", CALLER, '[permissions]\ntools = ["pong.call"]\n')
    load("pong", CALLER, '[permissions]\ntools = ["ping.call"]\n')
    round_trip = {"tool": "pong.call", "args": {"tool": "ping.call", "args": {"tool": "x"}}}
    with pytest.raises(RetinueError, match="comes back"):
        kernel.invoke("ping.call", round_trip)
    assert denials(kernel, "pong")[0]["rule"] == "call.circle"
