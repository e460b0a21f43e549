"""What a module may import: asking the host, telling how far it is, and a line for its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput, RetinueError

__all__ = ["MAX_MESSAGE", "HostFunctions"]

MAX_MESSAGE = 8 << 20
"""Bytes of a request, a reply or an answer in a module's memory."""


class HostFunctions:
    """The functions of one call. Each request is decided where all requests are: by the host."""

    def __init__(
        self,
        ask: Callable[[str, Mapping[str, Any]], Any],
        progress: Callable[[float, float, str], None],
        log: Callable[[str], None],
    ) -> None:
        """``ask`` blocks for the host's answer, and raises what it refused with."""
        self._ask = ask
        self._progress = progress
        self._log = log
        self._memory: Any = None
        self._allocate: Any = None

    def attach(self, memory: Any, allocate: Any) -> None:
        """The instance that the call runs in."""
        self._memory, self._allocate = memory, allocate

    def define(self, linker: Any, wasm: Any) -> None:
        """Offer the functions as the module ``retinue``."""
        i32, i64, f64 = wasm.ValType.i32(), wasm.ValType.i64(), wasm.ValType.f64()
        functions = (
            ("ask", wasm.FuncType([i32, i32], [i64]), self._asked),
            ("progress", wasm.FuncType([f64, f64, i32, i32], []), self._progressed),
            ("log", wasm.FuncType([i32, i32], []), self._logged),
        )
        for name, kind, function in functions:
            linker.define_func("retinue", name, kind, function, access_caller=True)

    def read(self, store: Any, address: int, size: int) -> bytes:
        """Bytes of the module's memory; raises ``InvalidInput`` for what lies outside it."""
        if size > MAX_MESSAGE or address + size > self._memory.data_len(store):
            raise InvalidInput(f"{size:,} bytes at {address:,} are not in the module's memory")
        return bytes(self._memory.read(store, address, address + size))

    def _asked(self, caller: Any, address: int, size: int) -> int:
        reply = msgspec.json.encode(self._answer(self.read(caller, address & _U32, size & _U32)))
        place = int(self._allocate(caller, len(reply))) & _U32
        self._memory.write(caller, reply, place)
        return place << 32 | len(reply)

    def _answer(self, request: bytes) -> dict[str, Any]:
        try:
            asked = msgspec.json.decode(request, type=_Request)
            return {"ok": self._ask(asked.method, asked.params)}
        except (RetinueError, msgspec.DecodeError, RecursionError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _progressed(self, caller: Any, done: float, total: float, address: int, size: int) -> None:
        self._progress(done, total, self._text(caller, address, size))

    def _logged(self, caller: Any, address: int, size: int) -> None:
        self._log(self._text(caller, address, size))

    def _text(self, caller: Any, address: int, size: int) -> str:
        return self.read(caller, address & _U32, min(size & _U32, 4096)).decode("utf-8", "replace")


_U32 = 0xFFFFFFFF


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    params: dict[str, Any] = {}
