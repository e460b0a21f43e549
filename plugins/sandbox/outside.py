"""What the host sees of a confined process, in ``/proc``: nothing that the process says is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["child_of", "namespaces_of", "parse_status", "processes_in", "status_of", "unproven"]

_KINDS = {"mnt": "mnt", "net": "net", "ipc": "ipc", "uts": "uts", "user": "user"}


def status_of(pid: int) -> dict[str, str]:
    """``/proc/PID/status``; raises ``OSError`` when there is no such process."""
    return parse_status(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))


def parse_status(text: str) -> dict[str, str]:
    """Names and values of the lines. Pure."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def child_of(pid: int) -> int:
    """The first child of a process; raises ``OSError`` when it has ended, or has none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    if not children:
        raise ProcessLookupError(f"process {pid} has no child")
    return int(children[0])


def namespaces_of(pid: int) -> dict[str, int]:
    """The inode of each namespace; raises ``OSError`` once the process hides itself, or is gone."""
    return {kind: Path(f"/proc/{pid}/ns/{kind}").stat().st_ino for kind in (*_KINDS, "pid")}


def unproven(
    status: Mapping[str, str],
    *,
    confined: bool,
    seccomp: bool,
    uid: int,
    inside: Mapping[str, int],
    host: Mapping[str, int],
    namespaces: Iterable[str],
) -> list[str]:
    """What the host cannot see although the plan says so; empty when all is there. Pure."""
    wrong = []
    if confined and status.get("NoNewPrivs") != "1":
        wrong.append("it may gain privileges (NoNewPrivs is not 1)")
    wrong += [
        f"it has capabilities ({kind} {status.get(kind)})"
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")
        if confined and int(status.get(kind, "1"), 16)
    ]
    if seccomp and status.get("Seccomp") != "2":
        wrong.append("it has no system call filter (Seccomp is not 2)")
    if uid and set(status.get("Uid", "").split()) != {str(uid)}:
        wrong.append(f"it is not uid {uid} alone (Uid {status.get('Uid')})")
    if uid and (set(status.get("Gid", "").split()) != {str(uid)} or status.get("Groups")):
        wrong.append(f"it is in other groups (Gid {status.get('Gid')}, {status.get('Groups')})")
    wrong += [
        f"it is in the host's {kind} namespace"
        for kind in namespaces
        if kind in inside and inside[kind] == host.get(kind)
    ]
    return wrong


def processes_in(namespace: int) -> Iterator[int]:
    """The pids of all processes in a pid namespace that have not ended."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/pid").stat().st_ino != namespace:
                continue
            pid = int(process.name)
            if not status_of(pid).get("State", "Z").startswith("Z"):
                yield pid
        except OSError:
            continue  # it has ended, or is somebody else's
