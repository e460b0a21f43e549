"""``retinue policy``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from retinue.bus.envelope import Event
from retinue.bus.errors import InvalidInput
from retinue.bus.journal import Filter

from .journal import opened
from .options import Cli, local, on_folder
from .output import Column, json_line, listing, note, record

if TYPE_CHECKING:
    from retinue.plugins.policy.cedar import CedarPolicy

__all__ = ["command"]

_file = click.argument("file", required=False, metavar="[FILE]")


class Simulated(msgspec.Struct, frozen=True):
    """A call that was made, and what the rules say of it."""

    seq: int
    task: str
    principal: str
    resource: str
    effect: str
    rule: str


_COLUMNS: tuple[Column, ...] = (
    ("SEQ", lambda one: one.seq),
    ("TASK", lambda one: one.task),
    ("FOR", lambda one: one.principal),
    ("TOOL", lambda one: one.resource),
    ("WOULD", lambda one: one.effect),
    ("RULE", lambda one: one.rule),
)


@click.group("policy")
def command() -> None:
    """Check rules, ask what they say, and try them on what has happened."""


@command.command("check")
@_file
@local
def _check(cli: Cli, file: str | None) -> None:
    r"""Read the rules of FILE, or of policy.file, and try the cases beside it.

    \b
    Examples:
      retinue policy check policy.cedar
    """
    path = _path(cli, file)
    policy, cases = _loaded(cli, path)
    told = {"file": str(path), "version": policy.version, "rules": len(policy.rules)}
    if cli.as_json:
        json_line({**told, "cases": cases})
    else:
        note(
            f"{path}: {len(policy.rules)} rules and {cases} cases are well (version {policy.version})"
        )


@command.command("explain")
@_file
@click.option("--action", default="call", metavar="ACTION", help="What is to be done.  [call]")
@click.option("--resource", required=True, metavar="NAME", help="A tool, agent, host, path, …")
@click.option(
    "--principal", "principals", multiple=True, required=True, metavar="KIND:NAME",
    help="agent:NAME, plugin:NAME or user:NAME, the nearest first; several are a chain.",
)  # fmt: skip
@click.option(
    "--context", "context", multiple=True, metavar="KEY=VALUE", help="effect, method, port, …"
)
@local
def _explain(
    cli: Cli,
    file: str | None,
    action: str,
    resource: str,
    principals: tuple[str, ...],
    context: tuple[str, ...],
) -> None:
    r"""Say what the rules decide on one request, and by which rule.

    \b
    Examples:
      retinue policy explain policy.cedar --resource files.search --principal agent:librarian
      retinue policy explain --action fetch --resource api.example.org --principal plugin:news
    """
    from retinue.plugins.policy import Request

    policy, _ = _loaded(cli, _path(cli, file))
    given = tuple(sorted(_pair(text) for text in context))
    try:
        request = msgspec.convert(
            {"action": action, "resource": resource, "principals": principals, "context": given},
            Request,
        )
    except msgspec.ValidationError as error:
        raise InvalidInput(f"--action {action!r}: {error}") from error
    decision = policy.authorise(request)
    if cli.as_json:
        json_line(decision)
        return
    fields: list[tuple[str, object]] = [("effect", decision.effect), ("rule", decision.rule)]
    fields += [("turned on", decision.principal), ("who may answer", " or ".join(decision.who))]
    record(cli, decision, [*fields, ("within", f"{decision.seconds:g} s" if decision.who else "")])


@command.command("simulate")
@_file
@click.option("--all", "every", is_flag=True, help="Those too that the rules allow.")
@on_folder
def _simulate(cli: Cli, file: str | None, *, every: bool) -> None:
    r"""Try the rules on every call that the journal holds: which would be denied, or asked for.

    \b
    Examples:
      retinue policy simulate stricter.cedar
    """
    policy, _ = _loaded(cli, _path(cli, file))
    with opened(cli) as journal:
        events = journal.read(0, Filter(types=("tool.called",)))
        tried = list(_simulated(policy, events))
    shown = tried if every else [one for one in tried if one.effect != "allow"]
    listing(cli, shown, _COLUMNS, f"all {len(tried)} calls would be allowed")


def _simulated(policy: CedarPolicy, events: Iterator[Event]) -> Iterator[Simulated]:
    from retinue.plugins.policy import Request

    for event in events:
        body = event.data
        principal = f"agent:{event.agent}" if event.agent else "user:operator"
        context = (("effect", body.get("effect", "none")),)
        found = policy.authorise(Request("call", body["tool"], (principal,), context))
        yield Simulated(event.seq, event.task, principal, body["tool"], found.effect, found.rule)


def _path(cli: Cli, file: str | None) -> Path:
    named = file or cli.config.policy.file
    if not named:
        raise InvalidInput("no policy is configured: name its FILE, or set policy.file")
    return Path(named).expanduser()


def _loaded(cli: Cli, path: Path) -> tuple[CedarPolicy, int]:
    from retinue.plugins.policy.cases import cases_file, read_cases
    from retinue.plugins.policy.cedar import load_policy

    policy = load_policy(path, cli.config.policy.approval)
    beside = cases_file(path)
    return policy, len(read_cases(beside)) if beside.exists() else 0


def _pair(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise InvalidInput(f"--context {text!r}: write KEY=VALUE, such as effect=once")
    return key, int(value) if value.isascii() and value.isdigit() else value
