"""One WebAssembly module: compiled once, an instance for each call, and nothing but what it is given.

What a module exports: its ``memory``, ``retinue_alloc(size) -> address``, and
``retinue_call(address, size) -> (address << 32) | size``, which takes and gives JSON. What it may
import is in ``host.py``, and WASI without files, environment, arguments or network.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from retinue.bus.errors import DeadlineExceeded, PluginError, ToolError, Unavailable

from .host import HostFunctions

__all__ = ["TICK", "WasmModule", "wasmtime"]

TICK = 0.01
"""Seconds between two looks at the deadline of a module that never returns."""
_STACK = 512 * 1024
_MAGIC = b"\0asm"


class WasmModule:
    """Any thread may call it, several at once. Raises ``Unavailable`` without the extra ``wasm``."""

    def __init__(self, code: bytes, name: str, memory_bytes: int) -> None:
        """``code`` is a binary module, or WAT; ``memory_bytes`` bounds each instance's memory.

        Raises ``PluginError`` for what does not compile, or has not the exports above. Code that
        somebody compiled to machine code before is not among what is accepted.
        """
        self._wasm = wasmtime()
        self._name = name
        self._memory_bytes = memory_bytes
        self._engine = self._wasm.Engine(self._configuration())
        try:
            text = code if code.startswith(_MAGIC) else code.decode("utf-8")
            self._module = self._wasm.Module(self._engine, text)
        except (self._wasm.WasmtimeError, UnicodeDecodeError) as error:
            raise PluginError(f"{name}: does not compile: {_first_line(error)}") from error
        self._check_exports()
        self._ending = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="wasm-clock", daemon=True)
        self._ticker.start()

    def call(self, request: Mapping[str, Any], host: HostFunctions, seconds: float) -> Any:
        """The answer to one request. Raises ``ToolError``, ``DeadlineExceeded``, ``PluginError``.

        The instance is made for this call and gone after it, with all of its memory.
        """
        store = self._wasm.Store(self._engine)
        store.set_limits(memory_size=self._memory_bytes, instances=4, tables=8, memories=2)
        store.set_epoch_deadline(max(1, math.ceil(seconds / TICK)))
        store.set_wasi(self._wasm.WasiConfig())
        try:
            instance = self._linker(host).instantiate(store, self._module)
            return self._answer(store, instance.exports(store), request, host)
        except self._wasm.Trap as trap:
            raise self._trapped(trap, seconds) from trap
        except self._wasm.WasmtimeError as error:
            raise PluginError(f"{self._name}: {_first_line(error)}") from error

    def close(self) -> None:
        """Stop the clock; calls that run go on without a deadline of their own."""
        self._ending.set()
        self._ticker.join(1.0)

    def _answer(
        self, store: Any, exports: Any, request: Mapping[str, Any], host: HostFunctions
    ) -> Any:
        memory, allocate = exports["memory"], exports["retinue_alloc"]
        host.attach(memory, allocate)
        body = msgspec.json.encode(request)
        address = allocate(store, len(body))
        memory.write(store, body, address)
        found = exports["retinue_call"](store, address, len(body))
        reply = host.read(store, (found >> 32) & 0xFFFFFFFF, found & 0xFFFFFFFF)
        try:
            answer = msgspec.json.decode(reply, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise PluginError(f"{self._name}: its answer is no JSON object: {error}") from error
        if "error" in answer:
            raise ToolError(f"{self._name}: {str(answer['error'])[:2000]}")
        return answer.get("ok")

    def _linker(self, host: HostFunctions) -> Any:
        linker = self._wasm.Linker(self._engine)
        linker.define_wasi()
        host.define(linker, self._wasm)
        return linker

    def _check_exports(self) -> None:
        there = {export.name for export in self._module.exports}
        lacking = {"memory", "retinue_alloc", "retinue_call"} - there
        if lacking:
            raise PluginError(f"{self._name}: does not export {', '.join(sorted(lacking))}")

    def _configuration(self) -> Any:
        config = self._wasm.Config()
        config.epoch_interruption = True
        config.parallel_compilation = False
        config.max_wasm_stack = _STACK
        config.memory_reservation = 0  # the process has little address space, and needs no guard
        config.memory_reservation_for_growth = 0
        config.memory_guard_size = 0
        config.memory_init_cow = False  # it would take a memfd, which the walls forbid
        config.wasm_threads = False
        return config

    def _trapped(self, trap: Any, seconds: float) -> Exception:
        code = trap.trap_code
        if code == self._wasm.TrapCode.INTERRUPT:
            return DeadlineExceeded(f"{self._name} did not answer within {seconds:g} s")
        why = _first_line(trap) if code is None else code.name.lower().replace("_", " ")
        return ToolError(f"{self._name}: it trapped: {why}")

    def _tick(self) -> None:
        while not self._ending.wait(TICK):
            self._engine.increment_epoch()


def wasmtime() -> Any:
    """The engine, imported at the first use; raises ``Unavailable`` that says how to get it."""
    try:
        import wasmtime as found
    except ImportError as error:
        raise Unavailable(
            "WebAssembly plugins need the extra 'wasm': pip install 'retinue[wasm]'"
        ) from error
    return found


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
