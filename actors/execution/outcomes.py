"""From what an agent raised to the outcome that the kernel writes down. Pure."""

from __future__ import annotations

from retinue.plugins.host.failures import Failure, describe

from .executor import Outcome

__all__ = ["failed", "failure"]


def failure(error: BaseException) -> Outcome:
    """The outcome of a turn that raised ``error``."""
    return failed(describe(error))


def failed(said: Failure) -> Outcome:
    """The outcome of a turn that ended with these words."""
    return Outcome(
        kind=said.kind,
        cause=said.cause,
        retry=said.retry,
        retry_after=said.retry_after,
        traceback=said.traceback,
    )
