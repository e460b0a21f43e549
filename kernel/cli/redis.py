"""``retinue redis``."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from retinue.bus.errors import InvalidInput
from retinue.bus.redis.access import Secret
from retinue.bus.redis.acl import User, observer_all, observer_run, publisher
from retinue.bus.redis.address import parse

from ..config import Config
from ..redis_access import dialects_of
from .options import Cli, local
from .output import json_line, note

__all__ = ["command"]

_USERS = ("observer-all", "observer-run", "publisher")
_UNSET = "#SHA256-OF-THE-PASSWORD"
"""Redis refuses it: a line that was not completed lets nobody in."""


class _Said(msgspec.Struct, frozen=True):
    user: str
    line: str
    command: str
    rules: tuple[str, ...]


@click.group("redis")
def command() -> None:
    """Prepare a Redis server for the kernel and its observers."""


@command.command("acl")
@click.option("--kernel", metavar="NAME", help="The kernel that is observed.  [the settings' name]")
@click.option("--user", "users", multiple=True, type=click.Choice(_USERS), help="Only this user.")
@click.option("--run", metavar="RUN", help="The run that observer-run may hear.")
@click.option("--type", "types", multiple=True, metavar="GLOB", help="Types to subscribe to.  [*]")
@click.option(
    "--may",
    multiple=True,
    type=click.Choice(("fill", "name", "group", "nothing")),
    help="What observer-all may do besides reading.  [fill]",
)
@click.option("--as", "name", metavar="NAME", help="Another name for the one user.")
@click.option("--password-file", metavar="FILE", help="Its password; - is stdin.")
@click.option("--old", is_flag=True, help="For Redis 6.2, which has no selectors.")
@click.option("--redis-cli", "as_commands", is_flag=True, help="Commands in place of file lines.")
@local
def _acl(
    cli: Cli,
    kernel: str | None,
    users: tuple[str, ...],
    name: str | None,
    password_file: str | None,
    *,
    as_commands: bool,
    old: bool,
    **options: Any,
) -> None:
    r"""Print the users that Redis has to know, each with what it needs and no more.

    The lines are for the server's aclfile. A password appears as its SHA-256 only, and comes from
    a file or stdin; without one, the line has to be completed before Redis takes it.

    \b
    Examples:
      retinue redis acl --user observer-all --password-file observer.password >> users.acl
      retinue redis acl --user observer-run --run r-1 --redis-cli | redis-cli
    """
    config = cli.config
    wanted = users or _without_run(options["run"])
    if len(wanted) > 1 and (name or password_file):
        raise InvalidInput("--as and --password-file are for one user: choose it with --user")
    made = list(_users(config, kernel or config.name, wanted, name, options))
    password = _hashed(password_file)
    for user in made:
        if old and len(user.grants) > 1:
            note(f"{user.name} may not ask for fills: Redis 6.2 would let it publish events, too")
        _say(cli, user, password, modern=not old, as_command=as_commands)


def _without_run(run: str | None) -> Sequence[str]:
    if run:
        return _USERS
    note("observer-run is left out: name its run with --run")
    return [user for user in _USERS if user != "observer-run"]


def _users(
    config: Config, kernel: str, wanted: Sequence[str], name: str | None, options: dict[str, Any]
) -> Iterator[User]:
    types = options["types"] or ("*",)
    dialects = dialects_of(config)
    cluster = config.redis not in ("none", "auto") and parse(config.redis).kind == "cluster"
    for user in wanted:
        named = name or user
        if user == "publisher":
            yield publisher(kernel, name=named, dialects=dialects, cluster=cluster)
        elif user == "observer-all":
            may = options["may"] or ("fill",)
            yield observer_all(
                kernel, name=named, types=types, may=may, dialects=dialects, cluster=cluster
            )
        elif options["run"]:
            yield observer_run(kernel, options["run"], name=named, types=types)
        else:
            raise InvalidInput("observer-run hears one run: name it with --run")


def _hashed(file: str | None) -> str:
    if file is None:
        return _UNSET
    password = sys.stdin.readline().strip("\r\n") if file == "-" else Secret(file).read()
    if not password:
        raise InvalidInput("the password on stdin is empty")
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _say(cli: Cli, user: User, password: str, *, modern: bool, as_command: bool) -> None:
    line, said = user.line(password, modern=modern), user.command(password, modern=modern)
    if cli.as_json:
        json_line(_Said(user.name, line, said, user.rules(password, modern=modern)))
    else:
        click.echo(said if as_command else line)
