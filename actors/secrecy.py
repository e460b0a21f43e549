"""Secrets while there is work with them: held with a task, and looked for in all that is written."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.errors import InvalidInput, RetinueError
from retinue.bus.messages import TERMINAL_TASK
from retinue.bus.redact import Redactor, Secrets, StreamRedactor
from retinue.plugins.secret import SecretFields

__all__ = ["Secrecy"]

Values = Sequence[tuple[str, str]]
Given = TypeVar("Given", bound=bytes | Mapping[str, Any])


class Secrecy:
    """What the kernel knows to be secret. Any thread may use it."""

    def __init__(self, secrets: Secrets | None = None) -> None:
        """``secrets`` is the program's own registry, when it has one."""
        self.secrets = Secrets() if secrets is None else secrets
        redactor = Redactor(self.secrets)
        self.redact = redactor.redact
        """A message's body with its secrets replaced."""
        self.value = redactor.value
        """The JSON text of a value with its secrets replaced."""
        self.text = redactor.text
        """Any text with its secrets replaced."""
        self._lock = threading.Lock()
        self._by_task: dict[str, set[str]] = {}

    def checked(
        self, fields: SecretFields, given: Given, check: Callable[[Given], dict[str, Any]]
    ) -> tuple[dict[str, Any], Values]:
        """What ``check`` makes of an input, and the secrets in that, given or by default.

        A refusal tells none of them.
        """
        if not fields.any:
            return check(given), ()
        found = fields.find(_decoded(given) if isinstance(given, bytes) else given)
        try:
            checked = check(given)
        except InvalidInput as refusal:
            with self.secrets.held(found):
                told = self.text(str(refusal))
            raise InvalidInput(told) from None
        return checked, [*found, *fields.find(msgspec.to_builtins(checked))]

    def public(self, fields: SecretFields, given: bytes) -> bytes:
        """An input as it is written down, before it is checked or held."""
        if not fields.any:
            return self.value(given)
        with self.secrets.held(fields.find(_decoded(given))):
            return self.value(given)

    def hold(self, task: str, values: Values) -> None:
        """Register the values until the task's end is committed."""
        if not values:
            return
        with self._lock:
            held = self._by_task.setdefault(task, set())
            for name, value in values:
                if value not in held:
                    self.secrets.register(value, name)
                    held.add(value)

    def committed(self, events: Sequence[Event]) -> None:
        """Release what was held for tasks that ended; a listener of the journal."""
        if not self._by_task:
            return
        for event in events:
            if event.type in TERMINAL_TASK:
                with self._lock:
                    values = self._by_task.pop(event.task, ())
                for value in values:
                    self.secrets.forget(value)

    def uncut(self, text: str) -> str:
        """A text that may have been cut off, as its ``…`` says, without the half of a secret there."""
        if not self.secrets.any or not text.endswith("…"):
            return text
        return StreamRedactor(self.secrets).feed(text[:-1]) + "…"

    def scrubbed(self, error: RetinueError) -> RetinueError:
        """The error itself, or a copy whose texts show no secret."""
        told = repr((error.args, error.__dict__))
        if self.text(told) == told:
            return error
        clean = copy.copy(error)
        clean.args = tuple(self._clean(part) for part in error.args)
        clean.__dict__.update({key: self._clean(part) for key, part in error.__dict__.items()})
        return clean

    def _clean(self, part: Any) -> Any:
        return self.text(part) if isinstance(part, str) else part


def _decoded(given: bytes) -> Any:
    try:
        return msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the check says what is wrong with it
