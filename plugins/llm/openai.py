"""Any endpoint that speaks OpenAI's chat format, through the ``openai`` package."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import ConfigError, ModelError, Unavailable

from .deadlines import Budget, within
from .model import Delta, Message, ModelRefused, Schema
from .wire import Chunk, chat_request, delta_of

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

__all__ = ["OpenAIModel"]

DEFAULT_URL = "https://api.openai.com/v1"


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint. Any thread and any event loop may call it.

    Nothing is retried here: the caller's own policy sees every refusal, with ``retry_after``.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str = DEFAULT_URL,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """Raises Unavailable when the ``openai`` package is not installed."""
        _import()
        self.name = model
        self.base_url = base_url
        self._key = api_key
        self._budget = budget
        self._clock = clock

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self:
        """Read OPENAI_MODEL, OPENAI_API_KEY and, if there, OPENAI_BASE_URL from ``env``.

        Raises ConfigError, which names what is missing.
        """
        missing = [key for key in ("OPENAI_MODEL", "OPENAI_API_KEY") if not env.get(key)]
        if missing:
            raise ConfigError(f"OpenAI model: {' and '.join(missing)} not set in the environment")
        return cls(
            env["OPENAI_MODEL"],
            api_key=env["OPENAI_API_KEY"],
            base_url=env.get("OPENAI_BASE_URL") or DEFAULT_URL,
        )

    def __repr__(self) -> str:
        return f"<OpenAIModel {self.name} at {self.base_url}>"

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
        """See ChatModel. Raises ModelRefused for an error status."""
        body = chat_request(
            self.name,
            messages,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            stop=stop,
        )
        return within(self._stream(body), model=self.name, budget=self._budget, clock=self._clock)

    async def _stream(self, body: dict[str, Any]) -> AsyncGenerator[Delta, None]:
        from openai import APIError, APIStatusError

        try:
            async with self._client() as client:
                deltas = _deltas(client, body)
                async with aclosing(deltas):
                    async for delta in deltas:
                        yield delta
        except APIStatusError as error:
            raise self._refusal(error) from None
        except APIError as error:
            raise ModelError(self._clean(f"model {self.name!r} broke off: {error}")) from None

    def _client(self) -> AsyncOpenAI:
        """One for each call: a client belongs to the loop that first used it."""
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            base_url=self.base_url,
            api_key=self._key,
            max_retries=0,
            timeout=self._budget.first_token + self._budget.between_tokens,
        )

    def _refusal(self, error: APIStatusError) -> ModelRefused:
        return ModelRefused(
            self._clean(
                f"model {self.name!r} refused with HTTP {error.status_code}: {error.message}"
            ),
            status=error.status_code,
            retry_after=_seconds(error.response.headers.get("retry-after")),
        )

    def _clean(self, message: str) -> str:
        """Endpoints repeat the key they refuse: it goes before the cut, which could halve it."""
        return (message.replace(self._key, "[key]") if self._key else message)[:500]


def _import() -> None:
    """Now, where it is made, and not later on an event loop: it takes 0.6 s."""
    if find_spec("openai") is None:
        raise Unavailable("OpenAI model: the package is not here; pip install 'retinue[llm]'")
    import_module("openai")


async def _deltas(client: AsyncOpenAI, body: dict[str, Any]) -> AsyncGenerator[Delta, None]:
    events = await client.chat.completions.create(**body)
    async with events:
        async for event in events:
            delta = delta_of(msgspec.convert(event.model_dump(), Chunk))
            if delta is not None:
                yield delta


def _seconds(header: str | None) -> float | None:
    """``Retry-After`` in seconds; its other form, a date, says nothing without their clock."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
