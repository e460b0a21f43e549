"""With the printed lines on a real server each user does its work, and nothing else."""

from __future__ import annotations

import pytest
import redis

from retinue.bus.errors import InvalidInput
from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.acl import Dialects, observer_all, observer_run, publisher
from retinue.bus.redis.groups import GroupReader
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Gap, Subscriber

from .servers import Server, find, versions

KERNEL = "main"
SPOKEN = Dialects(("raro:live_logs",), ("{main}:agent_events",))
ALWAYS = {b"auth", b"hello", b"quit", b"reset"}
"""What Redis lets anybody do, who need not even be logged in."""


@pytest.fixture(scope="module", params=versions())
def guarded(request, missing):
    """A server with an aclfile that has the printed lines; the test itself is an administrator."""
    binary = find(request.param)
    if binary is None:
        missing(f"the server {request.param}", versions()[request.param])
    server = Guarded(binary, modern=request.param != "redis-6.2")
    yield server
    server.close()


@pytest.fixture(params=["observer-all", "observer-run", "publisher"])
def user(request, guarded):
    return guarded.users[request.param]


class Guarded(Server):
    def __init__(self, binary, *, modern):
        self.modern = modern
        made = (
            observer_all(KERNEL, may=("fill", "name", "group"), dialects=SPOKEN),
            observer_run(KERNEL, "r-1"),
            publisher(KERNEL, dialects=SPOKEN),
        )
        self.users = {user.name: user for user in made}
        open_to_all = ("enable-debug-command yes", "enable-module-command yes") if modern else ()
        super().__init__(binary, 'aclfile "users.acl"', *open_to_all)

    def start(self):
        lines = [user.line(f">pw-{user.name}", modern=self.modern) for user in self.users.values()]
        (self.folder / "users.acl").write_text(
            "\n".join(("user default on nopass ~* &* +@all", *lines)) + "\n"
        )
        super().start()

    def access(self, name):
        return Access(name, Secret(variable="PW", environ={"PW": f"pw-{name}"}))

    def said(self, name, *commands):
        """What the server answers to each command of this user; errors are given, not raised."""
        with redis.Redis(
            port=self.port, username=name, password=f"pw-{name}", protocol=2, socket_timeout=5
        ) as client:
            connection = client.connection_pool.get_connection()
            connection.send_packed_command(connection.pack_commands(commands))
            return [_reply(connection) for _ in commands]


def test_every_command_that_is_not_granted_is_refused(guarded, user):
    granted = user.commands(modern=guarded.modern)
    known = list(_commands(guarded))
    assert {name for name, _ in known} >= {name.replace("|", " ") for name in granted} - {
        # Before version 7 the server does not list what a command has below it.
        "script load", "xgroup create", "xinfo groups",
    }  # fmt: skip
    refused = [(name, count) for name, count in known if name.replace(" ", "|") not in granted]
    assert len(refused) > 180
    commands = [(*name.split(" "), *["x"] * count) for name, count in refused]
    answers = dict(
        zip((name for name, _ in refused), guarded.said(user.name, *commands), strict=True)
    )
    let_in = {name: said for name, said in answers.items() if not _no_permission(said)}
    assert let_in == {}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("observer-all", "GET retinue:{main}:secrets"),
        ("observer-all", "GET retinue:{other}:journal"),
        ("observer-all", "XREAD STREAMS retinue:{other}:log 0"),
        ("observer-all", "XRANGE other - +"),
        ("observer-all", "PSUBSCRIBE *"),
        ("observer-all", "PSUBSCRIBE retinue:*"),
        ("observer-all", "SUBSCRIBE retinue:{main}:fill"),
        ("observer-all", "PUBLISH retinue:{main}:events:r-1:run.failed forged"),
        ("observer-all", "PUBLISH retinue:{main}:heartbeat forged"),
        ("observer-all", "PUBLISH raro:live_logs forged"),
        ("observer-all", "BLPOP retinue:{main}:log 0.01"),
        ("observer-all", "HSET retinue:{main}:log x 1"),
        ("observer-all", "XGROUP DESTROY retinue:{main}:log g"),
        ("observer-all", "XADD retinue:{main}:log * event forged"),
        ("observer-run", "PSUBSCRIBE retinue:{main}:events:*:*"),
        ("observer-run", "PSUBSCRIBE retinue:{main}:events:r-2:*"),
        ("observer-run", "PSUBSCRIBE retinue:{main}:events:r-1*"),
        ("observer-run", "SUBSCRIBE retinue:{main}:events:r-2:run.started"),
        ("observer-run", "SUBSCRIBE retinue:{main}:heartbeat"),
        ("observer-run", "GET retinue:{main}:heartbeat"),
        ("observer-run", "PUBLISH retinue:{main}:events:r-1:run.failed forged"),
        ("publisher", "SET other 1"),
        ("publisher", "XADD retinue:{other}:log * a b"),
        ("publisher", "PUBLISH retinue:{other}:events:r-1:run.failed forged"),
        ("publisher", "EVAL return(redis.call('GET',KEYS[1])) 1 other"),
        ("publisher", "SCRIPT FLUSH"),
    ],
)  # fmt: skip
def test_a_granted_command_is_refused_where_it_was_not_granted(guarded, name, command):
    (said,) = guarded.said(name, command.split(" "))
    assert isinstance(said, redis.exceptions.NoPermissionError), said


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("observer-all", "PSUBSCRIBE retinue:{main}:events:*:*"),
        ("observer-all", "SUBSCRIBE retinue:{main}:events:r-9:tool.called"),
        ("observer-all", "SUBSCRIBE retinue:{main}:heartbeat raro:live_logs"),
        ("observer-all", "XREAD STREAMS {main}:agent_events 0"),
        ("observer-run", "PSUBSCRIBE retinue:{main}:events:r-1:*"),
        ("publisher", "SUBSCRIBE retinue:{main}:fill raro:live_logs"),
        ("publisher", "XADD {main}:agent_events * json {}"),
    ],
)
def test_what_a_user_is_for_it_may_do(guarded, name, command):
    (said,) = guarded.said(name, command.split(" "))
    assert not isinstance(said, redis.RedisError), said


def test_what_observers_ask_for_beyond_reading_needs_selectors(guarded):
    asked = (
        ["PUBLISH", "retinue:{main}:fill", "{}"],
        ["LPOP", "retinue:{main}:fill:1", "1"],
        ["HSET", "retinue:{main}:readers", "me", "1"],
        ["HDEL", "retinue:{main}:readers", "me"],
        ["XGROUP", "CREATE", "retinue:{main}:log", "g", "0", "MKSTREAM"],
        ["XREADGROUP", "GROUP", "g", "me", "STREAMS", "retinue:{main}:log", ">"],
    )
    refused = [_no_permission(said) for said in guarded.said("observer-all", *asked)]
    assert refused == [not guarded.modern] * len(asked)
    with guarded.client() as admin:
        admin.delete("retinue:{main}:log")


def test_observers_read_what_the_publisher_publishes(guarded, make_events):
    guarded.said("publisher", ["DEL", "retinue:{main}:log", "retinue:{main}:journal"])
    sender = Publisher(guarded.url, KERNEL, "j", access=guarded.access("publisher"))
    assert sender.publish(make_events(1, 3)) == 3
    with (
        Subscriber(
            guarded.url, KERNEL, start="first", access=guarded.access("observer-all")
        ) as everything,
        Subscriber(
            guarded.url, KERNEL, run="r-1", access=guarded.access("observer-run")
        ) as one_run,
    ):
        assert list(one_run.read(timeout=0.01)) == []
        sender.publish([*make_events(4, 2), *make_events(6, 2, run="r-2")])
        assert [event.seq for event in everything.read(timeout=0.1)] == [1, 2, 3, 4, 5, 6, 7]
        heard = [event for event in one_run.read(timeout=0.1) if not isinstance(event, Gap)]
        assert [(event.seq, event.run) for event in heard] == [(4, "r-1"), (5, "r-1")]
    sender.close()


def test_who_may_read_in_a_group_and_have_a_name_needs_no_more(guarded, make_events):
    if not guarded.modern:
        return  # neither can be granted there: see above
    guarded.said("publisher", ["DEL", "retinue:{main}:log", "retinue:{main}:journal"])
    sender, access = (
        Publisher(guarded.url, KERNEL, "j", access=guarded.access("publisher")),
        guarded.access("observer-all"),
    )
    sender.publish(make_events(1, 3))
    with GroupReader(guarded.url, "g", "c", KERNEL, start=0, access=access) as reader:
        dealt = list(reader.read(timeout=0.1))
        reader.acknowledge(*dealt)
        assert reader.lag()
    with Subscriber(guarded.url, KERNEL, start=0, name="me", access=access) as named:
        assert [event.seq for event in named.read(timeout=0.1)] == [1, 2, 3]
        named.forget()
    assert [one.event.seq for one in dealt] == [1, 2, 3]
    sender.close()


def test_a_wrong_password_is_unavailable_and_not_shown(guarded, make_events):
    access = Access("publisher", Secret(variable="PW", environ={"PW": "wr0ng-pw"}))
    sender = Publisher(guarded.url, KERNEL, "j", access=access)
    with pytest.raises(Exception, match=r"WRONGPASS|invalid username-password") as refused:
        sender.publish(make_events(1, 1))
    assert "wr0ng-pw" not in repr(refused.value) + repr(sender) + repr(access)


@pytest.mark.parametrize("run", ["", "*", "r-?", "[r]", "r 1", "r\n1", "a)b"])
def test_a_run_that_would_be_a_pattern_gets_no_line(run):
    with pytest.raises(InvalidInput, match="one run's id"):
        observer_run(KERNEL, run)


@pytest.mark.parametrize("name", ["a b", "a\nuser root on nopass ~* +@all", ""])
def test_a_name_that_would_end_the_line_gets_none(name):
    with pytest.raises(InvalidInput, match="user"):
        observer_all(KERNEL, name=name).line("#0")


def _commands(server):
    """Each command and subcommand, with how many arguments it needs."""
    with server.client() as admin:
        connection = admin.connection_pool.get_connection()
        connection.send_command("COMMAND")
        for info in connection.read_response():
            subcommands = info[9] if len(info) > 9 else []
            flags = {flag if isinstance(flag, bytes) else flag.encode() for flag in info[2]}
            if b"no_auth" in flags:
                assert info[0] in ALWAYS, info
                continue
            yield from [_needing(one) for one in subcommands or [info]]


def _needing(info):
    words = info[0].decode().split("|")
    return " ".join(words), abs(info[1]) - len(words)


def _reply(connection):
    try:
        return connection.read_response()
    except redis.RedisError as error:
        return error


def _no_permission(said):
    # EXEC wraps the refusal in an error of its own.
    return isinstance(said, redis.ResponseError) and "no permissions to run" in str(said)
