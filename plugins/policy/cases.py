"""Cases beside a policy, ``NAME.cases.toml``: what it has to answer, tried whenever it is loaded."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from retinue.bus.errors import ConfigError

from .model import Action, Policy, Request, Value

__all__ = ["Case", "cases_file", "failures", "read_cases"]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request and what has to come of it; ``rule`` is the one that has to decide, if given."""

    name: str
    principals: tuple[str, ...]
    action: Action
    resource: str
    expect: Literal["allow", "deny", "ask"]
    context: dict[str, Value] = {}
    rule: str = ""

    @property
    def request(self) -> Request:
        """What is asked."""
        context = tuple(sorted(self.context.items()))
        return Request(self.action, self.resource, self.principals, context)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    cases: list[Case] = []


def cases_file(policy: Path) -> Path:
    """Where the cases of a policy are, if there are any."""
    return policy.with_name(f"{policy.stem}.cases.toml")


def read_cases(path: Path) -> list[Case]:
    """The cases; raises ``ConfigError`` that names the file and what is wrong in it."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).cases
    except OSError as error:
        raise ConfigError(f"cannot read the cases {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the cases {path}: {error}") from error


def failures(policy: Policy, cases: Iterable[Case]) -> Iterator[str]:
    """Each case that comes out otherwise, in one line."""
    for case in cases:
        found = policy.authorise(case.request)
        wrong = found.effect != case.expect or (case.rule and found.rule != case.rule)
        if wrong:
            wanted = f"{case.expect} by {case.rule}" if case.rule else case.expect
            yield f"case {case.name!r}: it has to be {wanted}, and is {found.effect} by {found.rule}"
