"""The operator's policy, as far as the record tells what it refused."""

from __future__ import annotations

from collections import Counter

from retinue.bus.codec import decode
from retinue.bus.messages import SecurityDenied
from retinue.plugins.policy import Decision, Request

from .recording import Recording

__all__ = ["RecordedRefusals"]


class RecordedRefusals:
    """Implements ``Policy``: refuses to submit what was refused then, as often as it was.

    A tool's refusal is in the record as its answer, and needs nobody to decide it again.
    """

    version = "recorded"

    def __init__(self, recording: Recording) -> None:
        self._left: Counter[tuple[str, tuple[str, ...], str]] = Counter()
        for event in recording.events:
            if event.type == "security.denied":
                said = decode(event.envelope.body, SecurityDenied)
                if (said.layer, said.action) == ("policy", "submit"):
                    self._left[said.resource, said.principals, said.rule] += 1

    def authorise(self, request: Request) -> Decision:
        """As ``Policy.authorise``."""
        for (resource, principals, rule), left in self._left.items():
            if left and (resource, principals) == (request.resource, request.principals):
                self._left[resource, principals, rule] -= 1
                return Decision("deny", rule, request.principals[0])
        return Decision("allow", "recorded")
