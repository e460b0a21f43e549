"""The actor runtime: pykka's actors with bounded mailboxes, deadlines and supervision.

Light actors share a thread, thread actors own one; both are spoken to through ``ActorRef``.
"""

from __future__ import annotations

from .actor import LightActor, ThreadActor, current_actor
from .errors import ActorFailed
from .future import DEFAULT_TIMEOUT, Future
from .letters import DeadLetter
from .mailbox import Mailbox
from .monitor import Monitor
from .ref import ActorRef
from .schedule import Timer
from .statistics import ActorStatistics, SystemStatistics
from .system import System, default_system
from .verdicts import ChildFailed, Down

__all__ = [
    "DEFAULT_TIMEOUT",
    "ActorFailed",
    "ActorRef",
    "ActorStatistics",
    "ChildFailed",
    "DeadLetter",
    "Down",
    "Future",
    "LightActor",
    "Mailbox",
    "Monitor",
    "System",
    "SystemStatistics",
    "ThreadActor",
    "Timer",
    "current_actor",
    "default_system",
]
