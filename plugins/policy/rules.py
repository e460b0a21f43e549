"""The rules of a policy as they are read, and what is wrong with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from retinue.bus.errors import InvalidInput

from ..manifest.hosts import normal_host

__all__ = ["Rule", "faults", "read_rules"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_ASKABLE = frozenset({"call"})
"""Actions that can wait for an answer; the others are over before a person reads the question."""

_SHAPES = {
    "Agent": (re.compile(r"[^\W\d][\w.-]{0,127}\Z"), "an agent's name"),
    "Tool": (re.compile(r"[^\W\d][\w.-]{0,127}\Z"), "a tool's name, as files.read"),
    "Plugin": (re.compile(r"[a-z][a-z0-9-]{1,63}\Z"), "a plugin's name"),
    "User": (re.compile(r"[^\s*?]{1,128}\Z"), "a user's name"),
    "Service": (re.compile(r"(submit|ask|state|memory)\Z"), "submit, ask, state or memory"),
    "File": (re.compile(r"/(?!.*(//|/\.\.?(/|\Z)))[^*?]*\Z"), "an absolute path with no glob"),
    "Folder": (re.compile(r"/(?!.*(//|/\.\.?(/|\Z)))([^*?]*[^*?/])?\Z"), "an absolute path"),
    "Domain": (None, "a host's name in lower case, with no glob and no dot at the end"),
    "Host": (None, "a host's name in lower case, with no glob and no dot at the end"),
}


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``key`` is Cedar's own name for it; ``ask`` is who has to be asked, if anybody.

    ``seconds`` is how long an answer is waited for, 0 where the rule does not say.
    """

    key: str
    name: str
    effect: Literal["permit", "forbid"]
    ask: tuple[str, ...]
    seconds: float
    body: Mapping[str, Any]


def read_rules(document: Mapping[str, Any]) -> list[Rule]:
    """The rules of a policy in Cedar's JSON form, in their order; ``name`` is empty without ``@id``."""
    policies: Mapping[str, Any] = document.get("staticPolicies", {})
    rules = []
    for key in sorted(policies, key=_number):
        body = policies[key]
        notes: Mapping[str, str] = body.get("annotations", {})
        ask = tuple(word.strip() for word in (notes.get("ask") or "").split(",") if word.strip())
        if "ask" in notes and not ask:
            ask = ("operator",)
        seconds = _seconds(notes.get("within", "0"))
        rules.append(Rule(key, notes.get("id") or "", body["effect"], ask, seconds, body))
    return rules


def faults(rules: list[Rule], document: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with them beyond what Cedar sees, each in one line."""
    if document.get("templates"):
        yield "it holds a template (?principal or ?resource): nothing fills one in, write it out"
    if not rules:
        yield "it holds no rule, so that everything would be denied: write one, or leave the file out"
    names = [rule.name for rule in rules]
    for number, rule in enumerate(rules, 1):
        yield from (f"rule {rule.name or number}: {fault}" for fault in _faults(rule, names))


def _faults(rule: Rule, names: list[str]) -> Iterator[str]:
    if not _NAME.match(rule.name):
        yield 'give it a name of letters, digits, "_", "." and "-": @id("NAME")'
    elif names.count(rule.name) > 1:
        yield "another rule has the same @id: every decision names its rule"
    if unknown := set(rule.body.get("annotations", {})) - {"id", "ask", "within", "doc"}:
        yield f"@{min(unknown)} is no annotation here: there are @id, @ask, @within and @doc"
    if rule.seconds != rule.seconds or rule.seconds < 0:
        yield '@within is seconds above 0, as @within("600")'
    if rule.seconds and not rule.ask:
        yield "@within without @ask has no effect: add @ask, or take it out"
    if rule.ask:
        yield from _ask_faults(rule)
    for kind, name in _entities(rule.body):
        shape = _SHAPES.get(kind)
        if shape is not None and not _fits(kind, name):
            yield f'{kind}::"{name}" can match nothing: it has to be {shape[1]}'


def _ask_faults(rule: Rule) -> Iterator[str]:
    if rule.effect != "permit":
        yield "@ask belongs to a permit: a forbid is final"
    scope = rule.body["action"]
    named = [scope["entity"]] if "entity" in scope else scope.get("entities", [])
    if not named or any(one["id"] not in _ASKABLE for one in named):
        yield '@ask needs action == Action::"call": nothing else can wait for an answer'


def _fits(kind: str, name: str) -> bool:
    shape = _SHAPES[kind][0]
    if shape is not None:
        return shape.match(name) is not None
    try:
        return normal_host(name) == name
    except InvalidInput:
        return False


def _entities(part: Any) -> Iterator[tuple[str, str]]:
    """Every entity that is written out, wherever in the rule."""
    if isinstance(part, Mapping):
        if set(part) == {"type", "id"}:
            yield str(part["type"]), str(part["id"])
        for inner in part.values():
            yield from _entities(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _entities(inner)


def _number(key: str) -> int:
    return int(key.removeprefix("policy")) if key.removeprefix("policy").isdigit() else 0


def _seconds(text: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")
