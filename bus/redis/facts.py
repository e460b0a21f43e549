"""What was found out about a server, and what follows for whoever runs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from .access import Access
from .address import Address

__all__ = ["Facts", "Remark", "remarks"]

_OLDEST = (6, 2)
_LOCAL = re.compile(r"localhost|127\..*|::1")
_ACL = "retinue redis acl --user publisher"
_LIMIT = "client-output-buffer-limit pubsub 32mb 8mb 60"


class Facts(NamedTuple):
    """A server as its user sees it; ``settings`` holds what that user may ask for."""

    flavour: str = ""
    version: str = ""
    mode: str = ""
    role: str = ""
    user: str = ""
    settings: Mapping[str, str] = {}
    denied: tuple[str, ...] = ()
    asked_by: str = ""


class Remark(NamedTuple):
    """One thing that was looked at. A ``fail`` has to be mended, a ``note`` may stay."""

    check: str
    state: Literal["ok", "note", "fail"]
    found: str
    remedy: str = ""


def remarks(facts: Facts, address: Address, access: Access) -> Iterator[Remark]:
    """Everything worth saying, good or bad, in the order in which it matters."""
    yield _version(facts)
    yield from _place(facts, address)
    yield _rights(facts)
    yield from _secrets(facts, address, access)
    if not facts.settings:
        yield Remark(
            "redis settings",
            "note",
            f"{facts.user or 'the user'} may not read them, as it should be",
            "to have them checked, set RETINUE_REDIS_ACCESS_USERNAME and "
            "RETINUE_REDIS_ACCESS_PASSWORD_FILE to an administrator's this once",
        )
        return
    yield _memory(facts.settings)
    yield _buffers(facts.settings)
    yield _persistence(facts.settings)


def _version(facts: Facts) -> Remark:
    said = f"{facts.flavour} {facts.version}"
    numbers = tuple(int(part) for part in re.findall(r"\d+", facts.version)[:2])
    if numbers < _OLDEST:
        return Remark("redis version", "fail", said, "use Redis 6.2 or later, or Valkey")
    if numbers < (7, 0):
        what = "before 7 no observer can be let ask for fills without letting it publish events"
        return Remark("redis version", "note", f"{said}; {what}", "Redis 7 or later, or Valkey")
    return Remark("redis version", "ok", said)


def _place(facts: Facts, address: Address) -> Iterator[Remark]:
    if facts.role not in ("master", ""):
        remedy = "name the master, or its Sentinels: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE"
        yield Remark("redis role", "fail", f"a {facts.role}, which takes no writes", remedy)
    if facts.mode == "cluster" and address.kind != "cluster":
        remedy = "write redis+cluster://HOST:PORT,HOST:PORT"
        yield Remark("redis role", "fail", "a cluster's node, named as a single server", remedy)


def _rights(facts: Facts) -> Remark:
    if facts.denied:
        missing = ", ".join(facts.denied[:8])
        more = f" and {len(facts.denied) - 8} more" if len(facts.denied) > 8 else ""
        said = f"{facts.user or 'the user'} may not: {missing}{more} ({facts.asked_by})"
        return Remark("redis user", "fail", said, f"give it the lines of `{_ACL}`")
    if facts.user == "default" and facts.settings:
        said = "default, who may do everything"
        return Remark("redis user", "note", said, f"make a user with the lines of `{_ACL}`")
    who = facts.user or "the user"
    return Remark("redis user", "ok", f"{who} may do all that is needed ({facts.asked_by})")


def _secrets(facts: Facts, address: Address, access: Access) -> Iterator[Remark]:
    if address.password:
        said = "the password stands in the URL, where process lists and histories show it"
        yield Remark("redis password", "note", said, "name a redis_access.password_file instead")
    away = [str(host) for host in address.hosts if not _LOCAL.fullmatch(host.name)]
    if away and not address.tls:
        said = f"{away[0]} is reached without TLS: events and passwords can be read on the way"
        yield Remark("redis TLS", "note", said, "write rediss://, and name a redis_access.ca_file")
    if ("ssl_cert_reqs", "required") not in address.options and any(
        name == "ssl_cert_reqs" for name, _ in address.options
    ):
        said = "the server's certificate is not checked (ssl_cert_reqs)"
        yield Remark("redis TLS", "note", said, "name a redis_access.ca_file, and leave that out")
    if facts.user == "default" and not (address.password or access.password):
        state: Literal["note", "fail"] = "fail" if away else "note"
        said = "anybody who can connect may do anything: there is no password"
        yield Remark("redis password", state, said, "set one, and turn the user default off")


def _memory(settings: Mapping[str, str]) -> Remark:
    limit, policy = int(settings.get("maxmemory", "0") or 0), settings.get("maxmemory-policy", "")
    if not limit:
        return Remark(
            "redis memory", "ok", "no limit; the stream is bounded by observers.stream_length"
        )
    said = f"{limit // 2**20} MiB, {policy}"
    if policy.startswith("allkeys"):
        why = f"{said}: it may throw the stream away, and every reader gets a gap"
        return Remark("redis memory", "note", why, "set maxmemory-policy noeviction")
    return Remark("redis memory", "ok", said)


def _buffers(settings: Mapping[str, str]) -> Remark:
    said = settings.get("client-output-buffer-limit", "")
    found = re.search(r"pubsub (\d+) (\d+) (\d+)", said)
    if found and found[1] == found[2] == "0":
        why = "none for pubsub: one stalled observer can fill the server's memory"
        return Remark("redis buffers", "note", why, f"set {_LIMIT}")
    return Remark("redis buffers", "ok", found[0] if found else said)


def _persistence(settings: Mapping[str, str]) -> Remark:
    save, append = settings.get("save", ""), settings.get("appendonly") == "yes"
    if append and settings.get("appendfsync") == "always":
        why = "every event waits for the disk, though the journal has it already"
        return Remark("redis disk", "note", why, "set appendfsync everysec, or appendonly no")
    if save and settings.get("stop-writes-on-bgsave-error") == "yes":
        why = f"snapshots ({save}): a full disk stops the mirror"
        return Remark("redis disk", "note", why, 'set save "": the journal fills the stream again')
    kept = "appended to a file" if append else "nothing is kept; the journal fills the stream again"
    return Remark("redis disk", "ok", kept)
