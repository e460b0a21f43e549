"""A text that comes in pieces: a secret that is cut by them is still found."""

from __future__ import annotations

from .redactor import ranges_in
from .secrets import Secrets, StreamIndex

__all__ = ["StreamRedactor", "possible_start"]


class StreamRedactor:
    """For one text, on one thread at a time.

    What may be the beginning of a secret is held back until the next piece tells; ``flush`` gives
    the rest. The work for a piece grows with its length, not with that of the text.
    """

    def __init__(self, secrets: Secrets) -> None:
        """What is registered while the text comes counts from then on."""
        self._secrets = secrets
        self.held = b""
        """What was fed and not given yet."""
        self._covered = 0  # bytes of what is held that a replacement already stands for

    def feed(self, piece: str) -> str:
        """What can be said by now: the next part of the text, secrets replaced."""
        if not self.held and not self._secrets.any:
            return piece
        data = self.held + piece.encode("utf-8", "surrogatepass")
        return self._give(data, possible_start(data, self._secrets.stream_index()))

    def flush(self) -> str:
        """The text is over: the rest of it."""
        return self._give(self.held, len(self.held))

    def _give(self, data: bytes, until: int) -> str:
        """Give what stands before ``until``; a secret that begins there is given as a whole."""
        parts: list[bytes] = []
        at = self._covered
        for start, end, shown in ranges_in(data, self._secrets.suspects(data)):
            if start >= until:
                break
            parts += (data[at:start], shown)
            at = max(at, end)
        parts.append(data[at:until])
        self.held, self._covered = data[until:], max(0, at - until)
        return b"".join(parts).decode("utf-8", "replace")


def possible_start(data: bytes, index: StreamIndex) -> int:
    """Where the first form begins that the data breaks off in the middle of; its end if none does."""
    size = len(data)
    for at in range(size):
        head = data[at : at + 4]
        if len(head) < 4:
            if head in index.heads:
                return at
        elif head in index.forms:
            rest = data[at:]
            if any(len(form) > size - at and form.startswith(rest) for form in index.forms[head]):
                return at
    return size
