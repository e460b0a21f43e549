"""Host names in permissions: one spelling for each, and when a rule covers one. Pure."""

from __future__ import annotations

import ipaddress
import re

from retinue.bus.errors import InvalidInput

from .model import NetRule

__all__ = ["check_rule", "covers", "normal_host"]

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_METHOD = re.compile(r"[A-Z]{3,10}\Z")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")


def normal_host(host: str) -> str:
    """The one spelling of a host name: lower case, A-labels, no trailing dot.

    Raises ``InvalidInput`` for what is no name: addresses in any of their spellings too, because
    a rule about names says nothing of where they lead.
    """
    name = host.removesuffix(".")
    try:
        name = name.encode("idna").decode("ascii").lower() if not name.isascii() else name.lower()
    except UnicodeError:
        raise InvalidInput(f"host {host!r} is not a name that IDNA can spell") from None
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.match, labels)):
        raise InvalidInput(f"host {host!r} is not a host name: write it as in 'api.example.org'")
    if _NUMERIC.match(labels[-1]) or _is_address(name):
        raise InvalidInput(f"host {host!r} is an address: name the host, as in 'api.example.org'")
    return name


def check_rule(rule: NetRule) -> NetRule:
    """The rule with its host in the one spelling; raises ``InvalidInput``.

    ``*.x`` covers every name under ``x`` and not ``x`` itself; ``x`` needs two labels at least,
    for nobody may be allowed all of ``com``.
    """
    wild = rule.host.startswith("*.")
    name = normal_host(rule.host[2:] if wild else rule.host)
    if "." not in name:
        raise InvalidInput(f"host {rule.host!r} covers too much: name at least 'example.org'")
    for method in rule.methods:
        if not _METHOD.match(method):
            raise InvalidInput(f"method {method!r} of {rule.host!r}: write it as in 'GET'")
    host = f"*.{name}" if wild else name
    return NetRule(host=host, ports=rule.ports, methods=rule.methods)


def covers(rule: NetRule, host: str, port: int, method: str) -> bool:
    """Whether a checked rule allows this; ``host`` in its one spelling."""
    if port not in rule.ports or method not in rule.methods:
        return False
    if rule.host.startswith("*."):
        return host.endswith(rule.host[1:])
    return host == rule.host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
