"""The root of the error tree: every error that Retinue raises on purpose.

Each message names the object, the rule and the remedy. Each docstring says when
you do *not* get the error, because that is what a caller has to know.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ActorDead",
    "AgentHung",
    "BlockingCallInActor",
    "CircuitOpen",
    "CodecError",
    "ConfigError",
    "DeadlineExceeded",
    "DeadlockDetected",
    "Denied",
    "FetchFailed",
    "InvalidInput",
    "JournalError",
    "KernelClosed",
    "MailboxFull",
    "ModelError",
    "NotFound",
    "OutcomeUnknown",
    "PluginError",
    "RateLimited",
    "ResultTooLarge",
    "RetinueError",
    "StartFailed",
    "TaskCancelled",
    "TaskFailed",
    "ToolError",
    "Unavailable",
    "UnknownAgent",
    "UnknownTool",
]


class RetinueError(Exception):
    """Root of all errors below; catching it never catches a bug of the host program."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle whole: by default ``__init__`` would be called with the message alone."""
        return _again, (type(self), self.args, self.__dict__)


class InvalidInput(RetinueError, ValueError):
    """A value from outside breaks a rule. Not raised once a task was accepted."""


class ConfigError(InvalidInput):
    """A configuration key or value is wrong. Not raised after the kernel has started."""


class NotFound(RetinueError, LookupError):
    """No task, run, plugin, pile or progression has that id. Not raised for agents and tools."""


class UnknownAgent(NotFound):
    """No agent has that name. Not raised for an agent that is there but busy or restarting."""


class UnknownTool(NotFound):
    """No tool has that name, or the agent was not given it."""


class DeadlineExceeded(RetinueError, TimeoutError):
    """The wait ended before its answer. Says nothing about whether the work went on."""


class TaskFailed(RetinueError):
    """The task ended in ``failed``. Not raised for a cancelled task.

    ``task`` is its id, ``kind`` the name of the error's type as text, and ``cause`` its message.
    The original exception is never carried: it may live in another process.
    """

    def __init__(self, task: str, kind: str, cause: str, attempts: int = 1) -> None:
        """Build the message from its parts; ``attempts`` counts the first one."""
        super().__init__(f"task {task} failed after {attempts} attempt(s): {kind}: {cause}")
        self.task = task
        self.kind = kind
        self.cause = cause
        self.attempts = attempts


class TaskCancelled(RetinueError):
    """The task was cancelled. Not raised when the kernel merely stopped while it waited."""

    def __init__(self, task: str, reason: str) -> None:
        """``reason`` is what the one who cancelled said."""
        super().__init__(f"task {task} was cancelled: {reason}")
        self.task = task
        self.reason = reason


class OutcomeUnknown(RetinueError):
    """An effect that must happen once was begun, and nobody knows whether it took place.

    Not raised when the call is known to have returned: its recorded result is given instead.
    """


class ResultTooLarge(RetinueError):
    """What an agent or a tool returned is over ``limits.result_bytes``, or too much for its pipe.

    Not raised for inputs: those are refused with ``InvalidInput``.
    """


class ToolError(RetinueError):
    """A tool raised, or returned what cannot be encoded. Not raised for bad arguments."""


class ModelError(RetinueError):
    """A language model's endpoint refused, broke off or answered out of form."""


class FetchFailed(RetinueError):
    """A fetch got no answer, or one that is not HTTP. Not raised for a status such as 404."""


class PluginError(RetinueError):
    """A plugin's manifest or code cannot be loaded; names the plugin, file and line."""


class Denied(RetinueError):
    """A plugin, or somebody it acts for, may not do this; every such refusal is an event.

    ``rule`` says which rule decided, ``resource`` what it was about. Not raised for a request that
    is malformed, nor where the thing is allowed and not there.
    """

    def __init__(self, rule: str, resource: str, message: str) -> None:
        """The message is for whoever asked, and names nothing that he may not know."""
        super().__init__(message)
        self.rule = rule
        self.resource = resource


class CodecError(RetinueError, ValueError):
    """Bytes do not decode as their type says. The bytes travel along, whole, in ``data``."""

    def __init__(self, message: str, data: bytes) -> None:
        """``data`` is what could not be decoded."""
        super().__init__(message)
        self.data = data


class JournalError(RetinueError):
    """The journal's file cannot be opened, read or written. Not raised for a bad envelope.

    ``kind`` is one of ``full``, ``read-only``, ``io``, ``corrupt``, ``locked``, ``missing`` and
    ``schema``. When it is ``retryable``, nothing of the group was kept, and the same call may be made
    again once the cause is gone; what was committed before is kept either way.
    """

    def __init__(self, message: str, kind: str, *, retryable: bool) -> None:
        """The message names the file, the cause and the remedy."""
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable


class KernelClosed(RetinueError):
    """The kernel was closed, or is closing. Never raised by reading what it had recorded."""


class Unavailable(RetinueError):
    """Something optional is not here (an extra, a server, a model); says how to get it."""


class RateLimited(Unavailable):
    """A call found no place in its token bucket within the time that it may wait.

    Not raised while there is a place to wait for: then it waits.
    """


class CircuitOpen(Unavailable):
    """A tool failed too often and is left alone for a while. Not raised for the trials after that."""


class AgentHung(RetinueError):
    """An agent made no progress for longer than its budget; names what it was doing."""


class ActorDead(RetinueError):
    """The actor has stopped. Not raised while it restarts: its mailbox waits for it."""


class MailboxFull(RetinueError):
    """The mailbox is at its bound of messages or bytes and its overflow rule is ``reject``."""


class StartFailed(RetinueError):
    """``on_start`` raised or did not end in time. The actor is not there; nothing to stop."""


class BlockingCallInActor(RetinueError):
    """A blocking wait on a dispatcher's thread, which would stop every actor on it.

    Not raised for ``await``, nor on the thread of an actor that owns its thread.
    """


class DeadlockDetected(RetinueError):
    """An ask would close a circle of actors that wait for each other; ``path`` is the circle."""

    def __init__(self, path: tuple[str, ...]) -> None:
        """``path`` starts and ends with the same actor's name."""
        super().__init__(
            "ask would wait for ever: " + " → ".join(path) + "; use tell, or answer before asking"
        )
        self.path = path


def _again(kind: type[RetinueError], args: tuple[Any, ...], parts: dict[str, Any]) -> RetinueError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(parts)
    return error
