"""Serves one client of MCP: its lines on one side, a daemon's API on the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, BinaryIO

import msgspec

from retinue.bus.errors import CodecError, PluginError, RetinueError
from retinue.plugins.hosting.lines import LONGEST
from retinue.plugins.mcp.messages import INVALID_PARAMS, PARSE_ERROR, Stray, decode, failure
from retinue.plugins.mcp.server import Cancelled, Heard, Listing, Say, ServerSession, Wanted

from ..client import Client
from .calls import RemoteCall
from .offering import Offering

__all__ = ["Bridge"]

_CALLS = 32
"""Calls at once; more wait their turn."""
_AGAIN = 1.0
"""Seconds until a daemon that went away is looked for again."""
_CHANGES = ["plugin.*", "agent.spawned", "agent.stopped"]


class Bridge:
    """``run`` on one thread, until the client closes its side; calls are made on threads of their own."""

    def __init__(
        self,
        client: Client,
        offering: Offering,
        session: ServerSession,
        write: Callable[[bytes], None],
    ) -> None:
        """``write`` sends whole lines to the client."""
        self._client = client
        self._offering = offering
        self._session = session
        self._send = write
        self._lock = threading.Lock()
        self._open: dict[int | str, RemoteCall] = {}
        self._over = threading.Event()

    def run(self, lines: BinaryIO) -> None:
        """Serve, and cancel what is still open in the end. Raises ``Unavailable`` without a daemon."""
        self._offering.refresh()
        watching = threading.Thread(target=self._watch, name="retinue-mcp-changes", daemon=True)
        watching.start()
        pool = ThreadPoolExecutor(_CALLS, thread_name_prefix="retinue-mcp-call")
        try:
            while line := lines.readline(LONGEST + 1):
                if len(line) > LONGEST:
                    raise CodecError(
                        f"the client sent a line of over {LONGEST:,} bytes", line[:100]
                    )
                if line.strip():
                    self._take(line, pool)
        finally:
            self._over.set()
            with self._lock:
                left = list(self._open.values())
            for call in left:
                call.cancel("the client of MCP went away")
            pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, line: bytes, pool: ThreadPoolExecutor) -> None:
        try:
            message = decode(line)
        except PluginError:
            message = Stray(line)
        if isinstance(message, Stray):
            self._write(failure(None, PARSE_ERROR, "a line that is no message of JSON-RPC 2.0"))
            return
        with self._lock:
            heard = self._session.take(message)
        self._answer(heard, pool)

    def _answer(self, heard: Heard, pool: ThreadPoolExecutor) -> None:
        if isinstance(heard, Say):
            self._write(heard.line)
        elif isinstance(heard, Listing):
            with self._lock:
                tools = self._offering.catalogue.offered
                self._send(self._session.listed(heard.id, tools, heard.cursor))
        elif isinstance(heard, Wanted):
            self._begin(heard, pool)
        elif isinstance(heard, Cancelled):
            with self._lock:
                call = self._open.get(heard.id)
            if call is not None:
                pool.submit(call.cancel, "cancelled by the client of MCP")

    def _begin(self, wanted: Wanted, pool: ThreadPoolExecutor) -> None:
        target = self._offering.catalogue.targets.get(wanted.name)
        if target is None:
            with self._lock:
                why = f"no tool is named {wanted.name[:100]!r}"
                self._send(self._session.refused(wanted.id, INVALID_PARAMS, why))
            return
        call = RemoteCall(self._client, self._offering.caller, target, wanted.args)
        with self._lock:
            self._open[wanted.id] = call
        pool.submit(self._perform, wanted, call)

    def _perform(self, wanted: Wanted, call: RemoteCall) -> None:
        def progress(done: float, total: float, note: str) -> None:
            if wanted.token is not None:
                self._write(self._session.progress(wanted.token, done, total, note))

        try:
            value, failed = call.run(None if wanted.token is None else progress)
        except RetinueError as error:
            value, failed = f"{type(error).__name__}: {error}", True
        except Exception as error:  # noqa: BLE001 - whatever it is, the client waits for an answer
            value, failed = f"{type(error).__name__}: {error}", True
        with self._lock:
            del self._open[wanted.id]
            if not call.is_cancelled():
                self._send(self._session.done(wanted.id, value, failed=failed))

    def _write(self, line: bytes) -> None:
        if line:
            with self._lock:
                self._send(line)

    def _watch(self) -> None:
        """Tell the client when there are other tools; the daemon may be away for a while."""
        query: dict[str, str | Sequence[str]] = {"from": "now", "type": _CHANGES}
        while not self._over.is_set():
            try:
                with closing(self._client.lines("/v1/events", query)) as changes:
                    self._look()  # now that none is missed
                    for _ in changes:
                        self._look()
                        if self._over.is_set():
                            return
            except (RetinueError, OSError, msgspec.MsgspecError):
                self._over.wait(_AGAIN)

    def _look(self) -> None:
        before: Any = self._offering.catalogue.offered
        if self._offering.refresh().offered != before:
            with self._lock:
                if line := self._session.changed():
                    self._send(line)
