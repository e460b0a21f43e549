"""What is mirrored to observers, and where they find it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from re import Pattern

import msgspec

from .envelope import Envelope
from .errors import ConfigError

__all__ = [
    "Rule",
    "Selection",
    "channel",
    "check_kernel_name",
    "fill_channel",
    "fill_key",
    "heartbeat_key",
    "journal_key",
    "stream",
]

NO_RUN = "-"
"""Stands in a channel's name where an event belongs to no run."""

_KERNEL_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_FIELDS = ("type", "run", "agent")


def check_kernel_name(name: str) -> str:
    """The name itself; raises ``ConfigError`` when it could not stand in a channel's name."""
    if not _KERNEL_NAME.fullmatch(name):
        raise ConfigError(
            f"kernel name {name!r}: use lower-case letters, digits, '_', '.' and '-', "
            "and begin with a letter or digit"
        )
    return name


def channel(kernel: str, run: str, type: str) -> str:
    """The pub/sub channel of such events; the braces keep a kernel on one cluster slot."""
    return f"retinue:{{{kernel}}}:events:{run or NO_RUN}:{type}"


def stream(kernel: str) -> str:
    """The stream that readers catch up from; its entries are ``SEQ-0``."""
    return f"retinue:{{{kernel}}}:log"


def journal_key(kernel: str) -> str:
    """The key that says whose journal the stream follows: two kernels cannot share a name."""
    return f"retinue:{{{kernel}}}:journal"


def heartbeat_key(kernel: str) -> str:
    """The key that says that the kernel publishes, and the channel that repeats it."""
    return f"retinue:{{{kernel}}}:heartbeat"


def fill_channel(kernel: str) -> str:
    """Where observers ask for events that the stream no longer has."""
    return f"retinue:{{{kernel}}}:fill"


def fill_key(kernel: str, request: str) -> str:
    """The list that the request of this id is answered on."""
    return f"{fill_channel(kernel)}:{request}"


class Rule(msgspec.Struct, frozen=True):
    """Globs that an event passes when all three match; ``*`` matches any, also no run or agent."""

    type: str = "*"
    run: str = "*"
    agent: str = "*"

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read ``tool.*`` or ``type=tool.* run=r-1 agent=lib*``; raises ``ConfigError``."""
        globs: dict[str, str] = {}
        for word in text.split():
            field, separator, glob = word.partition("=")
            field, glob = (field, glob) if separator else ("type", word)
            if field not in _FIELDS or not glob or field in globs:
                raise ConfigError(
                    f"rule {text!r}: {word!r} is not type=GLOB, run=GLOB or agent=GLOB, each once"
                )
            globs[field] = glob
        if not globs:
            raise ConfigError("an empty rule: write '*' for every event")
        return cls(**globs)


class Selection:
    """Events that pass an ``include`` rule and no ``exclude`` rule; by default all.

    What the type alone decides is decided once a type, so that asking costs one look-up.
    Used by one thread at a time.
    """

    def __init__(
        self, include: Iterable[Rule | str] = (Rule(),), exclude: Iterable[Rule | str] = ()
    ) -> None:
        """Rules as such or as text; see ``Rule.parse``."""
        self.include = tuple(_rule(rule) for rule in include)
        self.exclude = tuple(_rule(rule) for rule in exclude)
        self.everything = Rule() in self.include and not self.exclude
        """Whether no event is left out."""
        self._by_type: dict[str, bool | _Remaining] = {}

    def __repr__(self) -> str:
        return f"Selection(include={self.include!r}, exclude={self.exclude!r})"

    def matches(self, envelope: Envelope) -> bool:
        """Tell whether the event is mirrored."""
        decided = self._by_type.get(envelope.type)
        if decided is None:
            decided = self._by_type[envelope.type] = self._decide(envelope.type)
        if decided is True or decided is False:
            return decided
        include, exclude = decided
        run, agent = envelope.run, envelope.agent
        return _any(include, run, agent) and not _any(exclude, run, agent)

    def _decide(self, type: str) -> bool | _Remaining:
        include = [rule for rule in self.include if _matches(rule.type, type)]
        exclude = [rule for rule in self.exclude if _matches(rule.type, type)]
        if not include or any(_for_every_one(rule) for rule in exclude):
            return False
        if not exclude and any(_for_every_one(rule) for rule in include):
            return True
        return tuple(map(_compile, include)), tuple(map(_compile, exclude))


_Globs = tuple[tuple[Pattern[str], Pattern[str]], ...]
_Remaining = tuple[_Globs, _Globs]


def _rule(rule: Rule | str) -> Rule:
    return Rule.parse(rule) if isinstance(rule, str) else rule


def _for_every_one(rule: Rule) -> bool:
    return rule.run == "*" and rule.agent == "*"


def _compile(rule: Rule) -> tuple[Pattern[str], Pattern[str]]:
    return re.compile(translate(rule.run)), re.compile(translate(rule.agent))


def _any(globs: _Globs, run: str, agent: str) -> bool:
    return any(runs.match(run) and agents.match(agent) for runs, agents in globs)


def _matches(glob: str, text: str) -> bool:
    return re.match(translate(glob), text) is not None
