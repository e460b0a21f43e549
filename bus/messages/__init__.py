"""Every command and event, grouped by conversation.

Commands are imperative (``SubmitTask``) and go to one actor; events are past
(``TaskSubmitted``, type ``task.submitted``) and go to the journal. All are frozen and
tagged: the tag is the ``type`` of the envelope that carries them.
"""

from __future__ import annotations

from typing import Any

from . import (
    agents,
    approvals,
    elements,
    journal,
    kernel,
    models,
    plugins,
    security,
    tasks,
    telemetry,
    tools,
)
from .agents import *  # noqa: F403
from .approvals import *  # noqa: F403
from .base import Command, Message, type_of
from .base import Event as EventBody
from .elements import *  # noqa: F403
from .journal import *  # noqa: F403
from .kernel import *  # noqa: F403
from .models import *  # noqa: F403
from .plugins import *  # noqa: F403
from .security import *  # noqa: F403
from .tasks import *  # noqa: F403
from .telemetry import *  # noqa: F403
from .tools import *  # noqa: F403

__all__ = [  # noqa: PLE0604
    "COMMANDS",
    "EVENTS",
    "TELEMETRY",
    "TERMINAL_RUN",
    "TERMINAL_TASK",
    "Command",
    "EventBody",
    "Message",
    "type_of",
    *agents.__all__,
    *approvals.__all__,
    *elements.__all__,
    *journal.__all__,
    *kernel.__all__,
    *models.__all__,
    *plugins.__all__,
    *security.__all__,
    *tasks.__all__,
    *telemetry.__all__,
    *tools.__all__,
]

TERMINAL_TASK = frozenset(
    {"task.succeeded", "task.failed", "task.cancelled", "task.outcome_unknown"}
)
TERMINAL_RUN = frozenset({"run.succeeded", "run.failed", "run.cancelled"})
TELEMETRY = frozenset({"telemetry.tool_called", "telemetry.tool_returned", "telemetry.thought"})
"""What programs outside said, of any run: no part of what the kernel did."""


def _by_type(base: type[Message]) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    modules = (
        agents,
        approvals,
        elements,
        journal,
        kernel,
        models,
        plugins,
        security,
        tasks,
        telemetry,
        tools,
    )
    for module in modules:
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, base):
                found[type_of(kind)] = kind
    return found


EVENTS: dict[str, type[EventBody]] = _by_type(EventBody)
COMMANDS: dict[str, type[Command]] = _by_type(Command)
