"""The services that a kernel's plugins may ask, in processes of their own or inside the kernel."""

from __future__ import annotations

import secrets
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future as LoopFuture
from pathlib import Path
from typing import Any, Protocol

import msgspec

from retinue.actors.judging import ApprovedByPeople, JudgedByPolicy
from retinue.actors.plugin_hosts import PluginHosts
from retinue.actors.plugin_reach import PluginReach
from retinue.actors.runtime import ActorRef
from retinue.actors.secrecy import Secrecy
from retinue.actors.task_table import TaskTable
from retinue.actors.turn import Services
from retinue.bus.clock import Clock
from retinue.bus.errors import PluginError
from retinue.bus.ids import Ids
from retinue.bus.journal.notes import NoteStore
from retinue.plugins import Plugin
from retinue.plugins.manifest.grants import checked
from retinue.plugins.manifest.hosts import normal_host
from retinue.plugins.manifest.model import Grant, Permissions
from retinue.plugins.mediation.calls import CallService
from retinue.plugins.mediation.commands import StrictCommands
from retinue.plugins.mediation.denials import Tell
from retinue.plugins.mediation.files import FileService
from retinue.plugins.mediation.http.service import FetchService
from retinue.plugins.mediation.judge import GrantsAlone
from retinue.plugins.mediation.kernel import KernelService
from retinue.plugins.mediation.local import Lender
from retinue.plugins.mediation.mediator import Service, ServiceMediator
from retinue.plugins.mediation.memory import MemoryService
from retinue.plugins.mediation.processes import ProcessService
from retinue.plugins.mediation.turns import TurnService
from retinue.plugins.mediation.vault import SecretService
from retinue.plugins.policy import Policy

from .config import Config
from .vault import ConfiguredVault

__all__ = ["Mediation", "Parts", "configured_grant"]

NOTES = "notes.db"


class Parts(Protocol):
    """What is needed of a kernel's tree, some of it only once it runs."""

    config: Config
    clock: Clock
    secrecy: Secrecy
    policy: Policy | None
    table: TaskTable
    services: Services
    ids: Ids
    approver: ActorRef[Any]

    def run(self, work: Coroutine[Any, Any, Any]) -> LoopFuture[Any]:
        """Run a coroutine on the agents' loop."""


class Mediation:
    """``services`` are for strangers; ``lend`` gives a plugin of the kernel's own the same, and more."""

    def __init__(self, parts: Parts, environ: Mapping[str, str]) -> None:
        """Nothing is opened or made until a plugin asks for it."""
        sandbox, clock = parts.config.sandbox, parts.clock
        self._parts = parts
        self._folder = parts.config.state_dir
        self._notes = NoteStore(Path(self._folder) / NOTES if self._folder else None)
        seconds = parts.config.policy.approval
        people = ApprovedByPeople(
            lambda: parts.approver, parts.ids.make, parts.secrecy.value, seconds
        )
        judge = GrantsAlone() if parts.policy is None else JudgedByPolicy(parts.policy, people)
        self._people = people
        vault = ConfiguredVault(sandbox.vault, environ, parts.secrecy.secrets)
        reach = PluginReach(lambda: parts.services, parts.table, parts.run)
        private = tuple(map(normal_host, sandbox.allow_private_hosts))
        withheld = parts.secrecy.text
        self.services: dict[str, Service] = {
            "fs": FileService(judge),
            "http": FetchService(vault, judge, private_hosts=private, clock=clock),
            "secret": SecretService(vault, judge),
            "kernel": KernelService(reach, judge),
            "plugin": CallService(reach),
            "turn": TurnService(judge),
            "memory": MemoryService(self._notes, judge, withheld=withheld, clock=clock),
        }
        """What any plugin may ask for."""

    def lender(self, tell: Tell, hosts: PluginHosts) -> Lender:
        """For plugins inside the kernel; they alone may have commands run."""
        clock = self._parts.clock
        commands = StrictCommands(hosts.spawner, hosts.given, clock)
        services = {**self.services, "process": ProcessService(commands, self._people, clock)}
        mediator = ServiceMediator(services, tell)
        return Lender(mediator, self._parts.run, clock, _number)

    def close(self) -> None:
        """Close what was opened."""
        self._notes.close()


def configured_grant(plugin: Plugin, now: float) -> Grant:
    """What the operator's configuration has for a plugin inside the kernel; raises ``PluginError``."""
    try:
        asked = msgspec.convert(plugin.permissions, Permissions)
    except msgspec.ValidationError as error:
        raise PluginError(f"plugin '{plugin.name}': permissions: {error}") from error
    return Grant(
        name=plugin.name,
        version=plugin.version,
        digest="",
        permissions=checked(asked, plugin.name),
        approved_by="configuration",
        time=now,
    )


def _number() -> int:
    return secrets.randbits(63)
