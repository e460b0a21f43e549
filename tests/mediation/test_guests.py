"""Real plugins in real sandboxes, asking a real kernel."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import islice

import pytest

from retinue.bus.errors import Denied, RetinueError
from retinue.bus.journal import Filter
from retinue.kernel import Config, Kernel
from retinue.kernel.calls_config import PolicyConfig
from retinue.kernel.config import SandboxConfig, SchedulerConfig
from retinue.plugins import agent
from retinue.plugins.hosting.calls import CallContext, Principals

from .servers import ok
from .vaults import KEY, with_key


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One for all: each plugin has a name of its own."""
    with Kernel(config=with_key(tmp_path_factory.mktemp("vault"))) as started:
        yield started


@pytest.fixture
def load_into(tmp_path):
    """``load_into(kernel, name, code, manifest)``: written, approved, loaded."""

    def make(kernel, name, code, manifest=""):
        folder = tmp_path / name
        folder.mkdir()
        module = name.replace("-", "_") + "_tools"
        head = f'name = "{name}"\nversion = "1.0"\nentry = "{module}"\n'
        (folder / "plugin.toml").write_text(head + manifest)
        source = f"from retinue.plugins import Plugin, ToolContext, tool\n{code}"
        (folder / f"{module}.py").write_text(source)
        kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest, by="the test")

    return make


@pytest.fixture
def load(kernel, load_into):
    """The same into the kernel that all share."""
    return partial(load_into, kernel)


def denials(kernel, plugin, count=1):
    """The first refusals of a plugin, as they come."""
    only = Filter(types=("security.denied",))
    seen = (e.data for e in filter(None, kernel.events(only=only)))
    own = (event for event in seen if f"plugin:{plugin}" in event["principals"])
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


def test_a_task_that_nobody_waits_for_any_more_is_cancelled(kernel, load):
    load(
        "hasty",
        """
@tool
async def ask(ctx: ToolContext) -> object:
    "Somebody slow."
    return await ctx.kernel.ask("slow")
""",
        '[permissions]\nkernel = ["ask"]\n[limits]\ncall_seconds = 0.5\n',
    )

    @agent
    async def slow(ctx):
        await asyncio.sleep(1000)

    kernel.spawn("slow", slow)
    with pytest.raises(RetinueError):
        kernel.invoke("hasty.ask")
    ended = next(filter(None, kernel.events(only=Filter(types=("task.cancelled",), agent="slow"))))
    assert "nobody waits" in ended.data["reason"]


def test_the_place_of_a_task_is_lent_while_its_plugin_waits_for_another(load_into, tmp_path):
    with Kernel(config=Config(scheduler=SchedulerConfig(max_running=1))) as kernel:
        load_into(
            kernel,
            "asker",
            """
@tool
async def ask(ctx: ToolContext) -> object:
    "The only other one."
    return await ctx.kernel.ask("other")
""",
            '[permissions]\nkernel = ["ask"]\n',
        )

        @agent
        async def other(ctx):
            return "done"

        @agent(tools=["asker.ask"])
        async def one(ctx):
            return await ctx.call("asker.ask")

        kernel.spawn("other", other)
        kernel.spawn("one", one)
        assert kernel.submit("one").result(timeout=20) == "done"


def test_an_agent_that_would_wait_for_itself_through_a_plugin_is_told_so(kernel, load):
    load(
        "mirror",
        """
@tool
async def ask(ctx: ToolContext) -> object:
    "Back to where it came from."
    return await ctx.kernel.ask("echoer")
""",
        '[permissions]\nkernel = ["ask"]\n',
    )

    @agent(tools=["mirror.ask"])
    async def echoer(ctx):
        return await ctx.call("mirror.ask")

    kernel.spawn("echoer", echoer)
    with pytest.raises(RetinueError, match="would wait for ever"):
        kernel.submit("echoer").result(timeout=30)


def test_one_call_submits_so_many_tasks_and_no_more(kernel, load):
    load(
        "spammer",
        """
@tool
async def spam(ctx: ToolContext) -> int:
    "As many as it can."
    done = 0
    try:
        while True:
            await ctx.kernel.submit("idle")
            done += 1
    except Exception:
        return done
""",
        '[permissions]\nkernel = ["submit"]\n',
    )

    @agent
    async def idle(ctx):
        return None

    kernel.spawn("idle", idle)
    assert kernel.invoke("spammer.spam") == 100
    assert denials(kernel, "spammer")[0]["rule"] == "kernel.flood"


def test_the_operators_rules_hold_for_each_of_the_chain_beside_the_grant(
    load_into, tmp_path, serve
):
    server = serve({"/": ok(b"hello")})
    rules = tmp_path / "rules.cedar"
    rules.write_text(
        """
@id("calls") permit(principal, action == Action::"call", resource);
@id("runs") permit(principal is User, action == Action::"submit", resource);
@id("loads") permit(principal is User, action == Action::"load", resource);
@id("plugin-may") permit(principal is Plugin, action == Action::"fetch", resource == Host::"web.localhost");
@id("one-may")
permit(principal == Agent::"trusted", action == Action::"fetch", resource == Host::"web.localhost");
"""
    )
    config = Config(
        policy=PolicyConfig(file=str(rules)),
        sandbox=SandboxConfig(allow_private_hosts=("web.localhost",)),
    )
    with Kernel(config=config) as kernel:
        load_into(
            kernel,
            "getter",
            """
@tool
async def get(ctx: ToolContext, url: str) -> str:
    "A page."
    return (await ctx.http.fetch(url)).text
""",
            f'[permissions]\nnet = [{{host = "web.localhost", ports = [{server.port}]}}]\n',
        )

        @agent(tools=["getter.get"])
        async def reader(ctx, url: str):
            return await ctx.call("getter.get", url=url)

        kernel.spawn("trusted", reader)
        kernel.spawn("other", reader)
        url = {"url": f"http://web.localhost:{server.port}/"}
        assert kernel.submit("trusted", url).result(timeout=20) == "hello"
        with pytest.raises(RetinueError, match="other"):
            kernel.submit("other", url).result(timeout=20)
        refused = denials(kernel, "getter")[0]
        assert refused["principals"] == ["plugin:getter", "agent:other"]
        assert server.connections == 1


def test_what_was_revoked_is_refused_and_what_was_replaced_goes_on(kernel, load, tmp_path):
    load("leaver", CALLER, '[permissions]\ntools = ["clock.now"]\n')
    hosted = kernel._tree.hosted
    grant = hosted.grants["leaver"]
    call = CallContext(1, "call", Principals("leaver", "", "operator"), grant, 1e9)
    ask = (call, "plugin.call", b'{"tool": "clock.now"}')
    module = tmp_path / "leaver" / "leaver_tools.py"
    module.write_text(module.read_text() + "\n# another version\n")
    folder = tmp_path / "leaver"
    kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest)
    assert b"epoch" in hosted.hosts.run(hosted.hosts._mediator.handle(*ask), 10)
    kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest)
    new = hosted.grants["leaver"]
    kernel.revoke_plugin("leaver")
    late = CallContext(2, "call", Principals("leaver", "", "operator"), new, 1e9)
    with pytest.raises(Denied, match="taken back"):
        hosted.hosts.run(hosted.hosts._mediator.handle(late, *ask[1:]), 10)
    assert denials(kernel, "leaver")[0]["rule"] == "grant.revoked"


def test_a_plugin_that_asks_for_much_at_once_gets_it_as_fast_as_it_reads(kernel, load, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "file").write_bytes(b"x" * (256 << 10))
    load(
        "eager",
        """
import asyncio

@tool
async def read(ctx: ToolContext, path: str) -> list:
    "As much at once as may be asked for."
    found = await asyncio.gather(*(ctx.files.read(path) for _ in range(32)))
    return [len(data) for data in found]
""",
        f'[permissions]\nread = ["{data}"]\n',
    )
    found = kernel.invoke("eager.read", {"path": str(data / "file")})
    assert found == [256 << 10] * 32
