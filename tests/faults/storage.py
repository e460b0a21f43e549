"""What a disk, a folder and a clock can do to a daemon; and that it keeps what it has accepted."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retinue.bus.errors import RetinueError, Unavailable
from retinue.bus.views import StatusView

from .daemons import Daemon, retinue
from .world import AGENTS, RESULT

PATIENCE = 20.0
SMALL = "4m"

FAIL_SYNCS = """
import ctypes, errno, os, signal, struct
FSYNC, SECCOMP = {"x86_64": (74, 317), "aarch64": (82, 277)}[os.uname().machine]
def fail_syncs(*_):
    # A seccomp filter for all threads: fsync and fdatasync, its neighbour, return EIO.
    op = lambda code, k, yes=0, no=0: struct.pack("HBBI", code, yes, no, k)
    program = b"".join([op(0x20, 0), op(0x15, FSYNC, 1, 0), op(0x15, FSYNC + 1, 0, 1),
                        op(0x06, 0x00050000 | errno.EIO), op(0x06, 0x7FFF0000)])
    kept = ctypes.create_string_buffer(program, len(program))
    filter = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0, "no_new_privs"
    assert libc.syscall(SECCOMP, 1, 1, filter) == 0, "seccomp"
signal.signal(signal.SIGUSR1, fail_syncs)
"""
MODES_BIND = """
import ctypes
# Without capabilities, so that file modes bind root as well.
assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
"""


class Case:
    """A daemon with a run that was accepted before anything goes wrong."""

    def __init__(self, folder: Path, state: Path, before: str = "") -> None:
        self.state = state
        self.ledger = folder / "ledger"
        self.counts: Counter[str] = Counter(faults=1)
        self.daemon = self.start(before)
        for name, function in AGENTS.items():
            self.daemon.spawn(name, function)
        self.root = self.daemon.submit("boss", nonce="before")

    def start(self, before: str = "") -> Daemon:
        """The next daemon on the folder."""
        return Daemon(self.state, before=before, FAULTS_LEDGER=str(self.ledger)).ready()

    def troubled(self, *words: str) -> None:
        """New work is refused by a line with these words; the command in hand waits."""
        in_hand = threading.Thread(target=self._submit_until_refused, name="in hand")
        in_hand.start()
        said = self._trouble()
        try:
            self.daemon.submit("echo")
        except Unavailable as refusal:
            said = str(refusal)
        else:
            raise AssertionError(f"taken, although {said}")
        wrong = [word for word in ("takes no new work", *words) if word not in said]
        assert not wrong, f"{wrong} is missing in: {said}"
        assert "\n" not in said, said
        self.counts["refused"] += 1

    def break_syncs(self) -> None:
        """Ask for it until it is so: a signal reaches a thread that waits only when it wakes."""
        status = Path(f"/proc/{self.daemon.process.pid}/status")

        def broken() -> bool:
            self.daemon.process.send_signal(signal.SIGUSR1)
            return "Seccomp:\t2" in status.read_text()

        self._until(broken, "no filter was put on the daemon")

    def goes_on(self) -> None:
        """The trouble is over: what was accepted ends, and new work is taken."""
        self._until(lambda: not self._status().journal, "the journal is in trouble still")
        self.kept()

    def kept(self) -> None:
        """What was accepted ends as it would have, and the journal is whole."""
        ended = self.daemon.wait(self.root.id)
        assert ended.result == RESULT or ended.error.startswith("OutcomeUnknown"), ended
        assert self.daemon.wait(self.daemon.submit("echo").id).state == "succeeded"
        self.counts["accepted"] += 2
        self.daemon.kill()
        verified = retinue(self.state, "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def _submit_until_refused(self) -> None:
        with suppress(RetinueError):
            for number in range(100_000):
                self.daemon.submit("echo", n=number, ballast="x" * 10_000)

    def _trouble(self) -> str:
        self._until(lambda: self._status().journal, "the journal is well")
        return self._status().journal

    def _status(self) -> StatusView:
        return self.daemon.client.get("/v1/status", StatusView)

    def _until(self, condition: Callable[[], object], otherwise: str) -> None:
        never, until = threading.Event(), time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, otherwise
            never.wait(0.005)


@contextmanager
def _case(folder: Path, state: Path, before: str = "") -> Iterator[Case]:
    case = Case(folder, state, before)
    try:
        yield case
    finally:
        case.daemon.kill()


def disk_full(folder: Path) -> Counter[str]:
    """The disk has no room left, then it has again."""
    if not _may_mount():
        return file_limit(folder)
    with _small_disk(folder / "disk") as disk, _case(folder, disk) as case:
        ballast = disk / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        case.troubled("full")
        ballast.unlink()
        case.goes_on()
        return case.counts


def file_limit(folder: Path) -> Counter[str]:
    """The system refuses to let the file grow, as a quota does; then it lets it."""
    with _case(folder, folder / "state") as case:
        pid = case.daemon.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        size = (case.state / "journal.db-wal").stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
        case.troubled("did not read or write")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        case.goes_on()
        return case.counts


def failing_sync(folder: Path) -> Counter[str]:
    """Each fsync fails from some moment on; the next daemon, on a sound disk, goes on."""
    with _case(folder, folder / "state", FAIL_SYNCS) as case:
        case.break_syncs()
        case.troubled("did not read or write")
        case.daemon.kill()
        case.daemon = case.start()
        case.kept()
        return case.counts


def read_only(folder: Path) -> Counter[str]:
    """A daemon that may not write its folder says so, and leaves it as it was."""
    with _case(folder, folder / "state") as case:
        case.daemon.kill()
        case.state.chmod(0o500)
        try:
            blocked = Daemon(case.state, before=MODES_BIND)
            said = blocked.refused()
        finally:
            case.state.chmod(0o700)
        for word in (str(case.state), "make it writable"):
            assert word in said, f"{word!r} is missing in: {said}"
        assert "Traceback" not in blocked.log.read_text()
        case.counts["refused"] += 1
        case.daemon = case.start()
        case.kept()
        return case.counts


def two_daemons(folder: Path) -> Counter[str]:
    """The second is refused by name and pid; the first does not notice."""
    with _case(folder, folder / "state") as case:
        said = Daemon(case.state).refused()
        for word in (f"pid {case.daemon.process.pid}", str(case.state), "retinue stop"):
            assert word in said, f"{word!r} is missing in: {said}"
        case.counts["refused"] += 1
        case.kept()
        return case.counts


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "retinue-test", str(folder)],
        check=True,
        capture_output=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _may_mount() -> bool:
    """Whether a small disk can be had here; a limit on file sizes stands in for it elsewhere."""
    if os.geteuid() != 0:
        return False
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


FAULTS: dict[str, Callable[[Path], Counter[str]]] = {
    "disk full": disk_full,
    "file limit": file_limit,
    "failing fsync": failing_sync,
    "read-only folder": read_only,
    "two daemons": two_daemons,
}
