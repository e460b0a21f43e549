"""A policy in Cedar's language, read from a file, and its decisions, each found once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from retinue.bus.errors import ConfigError, Unavailable

from .cases import cases_file, failures, read_cases
from .model import Decision, Request
from .rules import faults, read_rules
from .schema import SCHEMA, entities_of, request_for
from .vacuous import is_vacuous

__all__ = ["CedarPolicy", "load_policy"]

ACTIONS = ("call", "submit", "load", "fetch", "read", "write", "kernel")
MOST_KEPT = 10_000
"""Decisions that are remembered; then it begins anew."""
MOST_BYTES = 1 << 20


class CedarPolicy:
    """Implements ``Policy``. Any thread may ask; what was asked before costs a look-up."""

    def __init__(self, text: str, seconds: float = 3600.0) -> None:
        """Parse and check. ``seconds`` is how long an answer is waited for, by default.

        Raises ``ConfigError`` that names the rule and what is wrong, ``Unavailable`` without the
        package ``cedarpy``.
        """
        self._cedar = _engine()
        self.version = hashlib.sha256(f"{SCHEMA}\0{text}".encode()).hexdigest()[:16]
        self._check(text)
        document = msgspec.json.decode(self._cedar.policies_to_json_str(text))
        self.rules = read_rules(document)
        _refuse(faults(self.rules, document))
        self._policies = self._cedar.PolicySet.from_str(text)
        self._schema = self._cedar.Schema.from_str(SCHEMA)
        _refuse(self._never())
        self._by_key = {rule.key: rule for rule in self.rules}
        self._seconds = seconds
        self._known: dict[Request, Decision] = {}

    def authorise(self, request: Request) -> Decision:
        """As ``Policy.authorise``: denied unless each principal is permitted, and none forbidden."""
        known = self._known.get(request)
        if known is None:
            known = self.decide(request)
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[request] = known
        return known

    def decide(self, request: Request) -> Decision:
        """The same, not remembered: for who asks and does nothing."""
        if not request.principals:
            return Decision("deny", "default")
        try:
            asked = [request_for(request, one) for one in request.principals]
            found = self._cedar.is_authorized_batch(
                asked, self._policies, entities_of(request), self._schema
            )
        except (ValueError, TypeError) as error:
            return Decision("deny", f"malformed: {error}"[:200], request.principals[0])
        decided = [
            self._one(principal, result)
            for principal, result in zip(request.principals, found, strict=True)
        ]
        return min(decided, key=lambda one: ("deny", "ask", "allow").index(one.effect))

    def _one(self, principal: str, result: Any) -> Decision:
        """A rule that could not be evaluated is a denial: Cedar would leave it out, a forbid too."""
        if result.diagnostics.errors:
            return Decision("deny", f"error: {result.diagnostics.errors[0]}"[:200], principal)
        rules = sorted(
            (self._by_key[key] for key in result.diagnostics.reasons),
            key=lambda rule: rule.name,
        )
        if not result.allowed:
            return Decision("deny", rules[0].name if rules else "default", principal)
        asking = next((rule for rule in rules if rule.ask), None)
        if asking is None:
            return Decision("allow", rules[0].name, principal)
        seconds = asking.seconds or self._seconds
        return Decision("ask", asking.name, principal, asking.ask, seconds)

    def _check(self, text: str) -> None:
        result = self._cedar.validate_policies(text, SCHEMA)
        names = result.id_annotations_by_policy_id
        _refuse(_told(error.policy_id, error.error, names) for error in result.errors)

    def _never(self) -> list[str]:
        """Rules that match nothing, whatever is asked."""
        alive: set[str] = set()
        for action in ACTIONS:
            found = self._cedar.is_authorized_partial(
                {"action": f'Action::"{action}"'}, self._policies, [], self._schema
            )
            alive.update(key for key, left in found.residuals.items() if not is_vacuous(left))
        return [
            f"rule {rule.name}: it can match nothing: its conditions contradict each other"
            for rule in self.rules
            if rule.key not in alive
        ]


def load_policy(path: Path, seconds: float = 3600.0) -> CedarPolicy:
    """The policy of a file, with the cases beside it tried. Raises ``ConfigError``, ``Unavailable``."""
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise ConfigError(f"the policy {path} has {len(data):,} bytes; a megabyte is the most")
        policy = CedarPolicy(data.decode("utf-8"), seconds)
        beside = cases_file(path)
        if beside.exists():
            _refuse(failures(policy, read_cases(beside)))
    except OSError as error:
        raise ConfigError(f"cannot read the policy {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the policy {path} is not UTF-8 text: {error}") from error
    except _Refused as error:
        raise ConfigError(f"the policy {path}: {error}") from error
    return policy


class _Refused(ConfigError):
    """A policy that says what it cannot mean; the file is not known here yet."""


def _refuse(found: Any) -> None:
    wrong = list(found)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise _Refused(f"{wrong[0]}{more}")


def _told(key: str, error: str, names: Any) -> str:
    said = error.removeprefix(f"for policy `{key}`, ")
    return f"rule {names.get(key) or key}: {said}" if key else said


def _engine() -> Any:
    try:
        import cedarpy
    except ModuleNotFoundError as error:
        raise Unavailable(
            "a policy needs the package cedarpy: pip install 'retinue[daemon]'"
        ) from error
    return cedarpy
