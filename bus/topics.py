"""What is mirrored to observers, and where they find it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from re import Pattern
from zlib import crc32

import msgspec

from .envelope import Envelope, Event
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
    "journal_of",
    "numbered_rule",
    "readers_key",
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
    """The key that says whose journal the stream follows: two kernels cannot share a name.

    It holds ``JOURNAL/START``. The first part stays for as long as the numbers go on; the second is
    another at each start of the kernel, and empty once the kernel has ended.
    """
    return f"retinue:{{{kernel}}}:journal"


def journal_of(origin: bytes | str | None) -> str:
    """The first part of what that key holds; empty where nobody can tell."""
    text = origin.decode(errors="replace") if isinstance(origin, bytes) else origin or ""
    return text.partition("/")[0]


def heartbeat_key(kernel: str) -> str:
    """The key that says that the kernel publishes, and the channel that repeats it."""
    return f"retinue:{{{kernel}}}:heartbeat"


def fill_channel(kernel: str) -> str:
    """Where observers ask for events that the stream no longer has."""
    return f"retinue:{{{kernel}}}:fill"


def fill_key(kernel: str, request: str) -> str:
    """The list that the request of this id is answered on."""
    return f"{fill_channel(kernel)}:{request}"


def readers_key(kernel: str) -> str:
    """The hash of registered readers: name to the ``seq`` up to which the reader has everything."""
    return f"retinue:{{{kernel}}}:readers"


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


def numbered_rule(text: str, name: str) -> tuple[Rule, float]:
    """Read a rule that gives a number as well, such as ``type=agent.text rate=0.1``.

    ``name`` is what the number is called. Raises ``ConfigError``.
    """
    words = text.split()
    numbers = [word for word in words if word.startswith(f"{name}=")]
    try:
        (given,) = numbers
        number = float(given.partition("=")[2])
    except ValueError:
        raise ConfigError(f"rule {text!r}: write {name}=NUMBER once, after the globs") from None
    words.remove(given)
    return Rule.parse(" ".join(words) or "*"), number


class Selection:
    """Events that pass an ``include`` rule and no ``exclude`` rule, and are in the sample.

    By default all. What the type alone decides is decided once a type, so that asking costs one
    look-up. Any thread may ask.
    """

    def __init__(
        self,
        include: Iterable[Rule | str] = (Rule(),),
        exclude: Iterable[Rule | str] = (),
        sample: Iterable[str] = (),
    ) -> None:
        """Rules as such or as text; see ``Rule.parse``.

        A rule of ``sample`` such as ``type=agent.text rate=0.1`` keeps that part of the events
        that it matches; where several match, the first counts. Which ones depends on their ids
        alone: an event is kept when the CRC-32 of its id, over 2³², is below the rate.
        """
        self.include = tuple(_rule(rule) for rule in include)
        self.exclude = tuple(_rule(rule) for rule in exclude)
        self.sample = tuple(map(_sampling, sample))
        self.everything = Rule() in self.include and not self.exclude and not self.sample
        """Whether no event is left out."""
        self._by_type: dict[str, bool | _Remaining] = {}

    def __repr__(self) -> str:
        said = f"include={self.include!r}, exclude={self.exclude!r}, sample={self.sample!r}"
        return f"Selection({said})"

    def chosen(self, events: Sequence[Event]) -> Sequence[Event]:
        """Those that are mirrored, in order."""
        if self.everything:
            return events
        matches = self.matches
        return [event for event in events if matches(event.envelope)]

    def matches(self, envelope: Envelope) -> bool:
        """Tell whether the event is mirrored."""
        decided = self._by_type.get(envelope.type)
        if decided is None:
            decided = self._by_type[envelope.type] = self._decide(envelope.type)
        if decided is True or decided is False:
            return decided
        include, exclude, sample = decided
        run, agent = envelope.run, envelope.agent
        if not _any(include, run, agent) or _any(exclude, run, agent):
            return False
        for globs, below in sample:
            if _any((globs,), run, agent):
                return crc32(envelope.id.encode()) < below
        return True

    def _decide(self, type: str) -> bool | _Remaining:
        include = [rule for rule in self.include if _matches(rule.type, type)]
        exclude = [rule for rule in self.exclude if _matches(rule.type, type)]
        sample = [(rule, below) for rule, below in self.sample if _matches(rule.type, type)]
        if not include or any(_for_every_one(rule) for rule in exclude):
            return False
        if not exclude and not sample and any(_for_every_one(rule) for rule in include):
            return True
        return (
            tuple(map(_compile, include)),
            tuple(map(_compile, exclude)),
            tuple((_compile(rule), below) for rule, below in sample),
        )


_Glob = tuple[Pattern[str], Pattern[str]]
_Globs = tuple[_Glob, ...]
_Remaining = tuple[_Globs, _Globs, tuple[tuple[_Glob, float], ...]]


def _rule(rule: Rule | str) -> Rule:
    return Rule.parse(rule) if isinstance(rule, str) else rule


def _sampling(text: str) -> tuple[Rule, float]:
    rule, rate = numbered_rule(text, "rate")
    if not 0.0 <= rate <= 1.0:
        raise ConfigError(f"rule {text!r}: a rate is between 0 (none) and 1 (all)")
    return rule, rate * 2.0**32


def _for_every_one(rule: Rule) -> bool:
    return rule.run == "*" and rule.agent == "*"


def _compile(rule: Rule) -> _Glob:
    return re.compile(translate(rule.run)), re.compile(translate(rule.agent))


def _any(globs: _Globs, run: str, agent: str) -> bool:
    return any(runs.match(run) and agents.match(agent) for runs, agents in globs)


def _matches(glob: str, text: str) -> bool:
    return re.match(translate(glob), text) is not None
