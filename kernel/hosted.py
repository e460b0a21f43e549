"""Plugins in processes of their own: proposed to an operator, granted, loaded, and let go."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from retinue.actors.agent_cells import AgentCells
from retinue.actors.plugin_hosts import PluginHosts, Walls
from retinue.actors.plugin_manager import AdoptHosted, DropHosted, RefusedPlugin
from retinue.actors.plugin_watch import told_denial
from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value
from retinue.bus.errors import Denied, NotFound, RetinueError
from retinue.bus.messages import EventBody, PluginGranted, PluginRevoked
from retinue.bus.views import PluginProposal, PluginView
from retinue.plugins.hosting.calls import CallContext
from retinue.plugins.hosting.plugin import Changed, HostedPlugin
from retinue.plugins.manifest import Admitted, Grant, read_admitted
from retinue.plugins.manifest.grants import describe
from retinue.plugins.manifest.model import Permissions
from retinue.plugins.mediation.mediator import Service, ServiceMediator

from .ceiling import ceiling_of, within
from .config import Config
from .proposals import Proposals, checked_permissions

__all__ = ["Hosted"]

Ask = Callable[[object], Any]
Commit = Callable[[EventBody], object]


class Staff(Protocol):
    """What becomes of the agents that plugins bring."""

    def check(self, before: HostedPlugin | None, after: HostedPlugin) -> None:
        """Raise ``InvalidInput`` for a name that is taken."""

    def change(self, before: HostedPlugin | None, after: HostedPlugin | None, reason: str) -> None:
        """Stop and spawn them, so that they are those of ``after``."""


class Hosted:
    """The kernel's hosted plugins. Its methods block; any thread may call them."""

    def __init__(
        self,
        config: Config,
        say: Callable[[EventBody], None],
        clock: Clock,
        environ: Mapping[str, str],
        grants: dict[str, Grant],
        services: Mapping[str, Service],
    ) -> None:
        """``say`` writes an event down that belongs to no task; ``grants`` are those so far.

        ``services`` are what plugins may ask, by what stands before the dot of a method.
        """
        self.plugins: dict[str, HostedPlugin] = {}
        self.grants = grants
        self.staff: Staff | None = None
        """Spawns the agents that plugins bring; set once there are agents."""
        self.permit: Callable[[Admitted], None] = lambda _: None
        """Raises ``Denied`` where the operator's policy does not let a plugin be loaded."""
        self._settings = config.plugins
        self._say = say
        self._clock = clock
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._state_dir = config.state_dir
        sandbox = config.sandbox
        walls = Walls(sandbox.level, sandbox.minimum, sandbox.bwrap, frozenset(sandbox.trusted))
        self._revoked: set[str] = set()
        self.ceiling = ceiling_of(config.sandbox.allow)
        """What plugins and agents may have at all; ``None`` where the operator did not say."""
        mediator = ServiceMediator(services, self.tell, self._holds)
        self.hosts = PluginHosts(config.name, walls, mediator, say, clock, environ)
        self._proposals = Proposals(
            self._store, self.hosts.level_of, self.ceiling, self.grants, say
        )
        lowered = None if sandbox.agents == "auto" else sandbox.agents
        some = {name: services[name] for name in ("http", "secret") if name in services}
        door = ServiceMediator(some, self.tell)
        self.cells = AgentCells(self.hosts, walls, lowered, door, say, clock, environ)
        """Where agents' own processes come from."""

    def propose(self, folder: Path) -> PluginProposal:
        """Take the folder's content in, and say what it asks for. Raises ``PluginError``."""
        return self._proposals.of(self._proposals.admitted(folder))

    def propose_sent(self, files: Mapping[str, bytes]) -> tuple[PluginProposal, Path]:
        """The same of files by their paths, and the folder in which they were taken in."""
        return self._proposals.sent(files)

    def load(
        self, folder: Path, approve: str, by: str, adopt: Ask, commit: Commit
    ) -> PluginProposal:
        """Load a plugin, granting what it asks for if ``approve`` is its digest.

        ``adopt`` asks the PluginManager, ``commit`` writes an event and waits until it is durable.
        Raises ``Denied`` when it is not approved, saying what it asks for, and ``PluginError``.
        """
        admitted = self._proposals.admitted(folder)
        self.permit(admitted)
        permissions = within(checked_permissions(admitted.manifest), self.ceiling)
        proposal = self._proposals.of(admitted)
        if not proposal.granted:
            if approve != proposal.digest:
                raise self._proposals.refusal(proposal, str(folder))
            commit(
                PluginGranted(
                    proposal.name,
                    proposal.version,
                    proposal.digest,
                    msgspec.Raw(msgspec.json.encode(permissions)),
                    msgspec.Raw(msgspec.json.encode(admitted.manifest.limits)),
                    by,
                )
            )
            self._revoked.discard(proposal.digest)
            self.grants[proposal.name] = _grant(admitted, permissions, by, self._clock.time())
        try:
            self._start(admitted, adopt, "operator")
        except Changed as error:
            del self.grants[proposal.name]
            commit(PluginRevoked(proposal.name, proposal.digest, str(error)))
            raise
        return proposal

    def unload(self, name: str, reason: str, drop: Ask, drain: float | None = None) -> None:
        """Let a plugin go: no new calls, then those in flight, then its process.

        ``drain`` is how many seconds they have; as many as a call may take by default.
        """
        plugin: HostedPlugin = drop(DropHosted(name, reason))
        if self.staff is not None:
            self.staff.change(plugin, None, reason)
        self.hosts.stop(plugin, plugin.patience if drain is None else drain)

    def revoke(self, name: str, reason: str, drop: Ask, commit: Commit) -> None:
        """Take a grant back, and end what runs by it at once. Raises ``NotFound``."""
        grant = self.grants.pop(name, None)
        if grant is None:
            raise NotFound(f"nothing was granted to a plugin {name!r}")
        self._revoked.add(grant.digest)
        commit(PluginRevoked(name, grant.digest, reason))
        if name in self.plugins:  # its walls would go on to let through what they did
            self.unload(name, f"its grant was revoked: {reason}".rstrip(": "), drop, 0.0)

    def start_again(self, hosted: Mapping[str, str], adopt: Ask) -> None:
        """Start those that ran when the kernel ended; one that cannot is recorded, not fatal."""
        for name, digest in hosted.items():
            try:
                admitted = read_admitted(self._store(), digest)
                self.permit(admitted)
                self._start(admitted, adopt, "operator")
            except (RetinueError, OSError) as error:
                adopt(RefusedPlugin(name, str(error)))

    def release(self, name: str) -> None:
        """Start a plugin in quarantine once more. Raises ``NotFound``, ``PluginError``."""
        plugin = self.plugins.get(name)
        if plugin is None:
            raise NotFound(f"no plugin {name!r} runs in a process of its own")
        self.hosts.run(plugin.release(), 2 * plugin.grant.limits.start_seconds + 1.0)

    def view(self, record: PluginView) -> PluginView:
        """A record, with what the plugin's process is doing now if it has one."""
        plugin = self.plugins.get(record.name)
        return record if plugin is None else _with(record, plugin, self.grants.get(record.name))

    def close(self, timeout: float) -> None:
        """End all processes, and remove what was kept for a kernel without a folder."""
        self.hosts.close(timeout)
        if self._scratch is not None:
            for folder in Path(self._scratch.name).rglob("*"):
                if folder.is_dir():
                    folder.chmod(0o700)
            self._scratch.cleanup()

    def _start(self, admitted: Admitted, adopt: Ask, source: str) -> None:
        name = admitted.manifest.name
        grant = self.grants.get(name)
        if grant is None or grant.digest != admitted.digest:
            raise Denied("grant.digest", name, f"plugin {name!r}: its content was not approved")
        permitted = within(grant.permissions, self.ceiling)  # it may be lower than it was then
        grant = msgspec.structs.replace(grant, permissions=permitted)
        given = {**admitted.manifest.settings, **self._settings.get(name, {})}
        settings = {key: value for key, value in given.items() if key != "enabled"}
        body = encode_value(settings, f"the settings of {name}")
        plugin = self.hosts.start(admitted, grant, body)
        try:
            if self.staff is not None:
                self.staff.check(self.plugins.get(name), plugin)
            message = AdoptHosted(plugin, admitted.digest, admitted.manifest.runtime, source)
            before: HostedPlugin | None = adopt(message)
        except BaseException:
            self.hosts.stop(plugin, 0.0)
            raise
        if admitted.manifest.runtime == "mcp":
            self.grants[name] = msgspec.structs.replace(grant, offered=plugin.offered)
        if before is not None:
            before.successor = plugin
        if self.staff is not None:
            self.staff.change(before, plugin, f"plugin {name} {plugin.version} has no such agent")
        if before is not None:
            self.hosts.retire(before)

    def _store(self) -> Path:
        if self._state_dir:
            return Path(self._state_dir) / "plugins"
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="retinue-plugins-")
        return Path(self._scratch.name)

    def tell(self, call: CallContext, method: str, error: Denied, count: int) -> None:
        """Write down what a plugin asked for and was refused, so many times; from any thread."""
        self._say(told_denial(call, method, error, count))

    def _holds(self, call: CallContext) -> bool:
        """A version whose place another took goes on with what it was granted; a revoked one does not."""
        return call.grant.digest not in self._revoked


def _with(view: PluginView, plugin: HostedPlugin, grant: Grant | None) -> PluginView:
    process = plugin.process
    confined = None if process is None else process.confined
    return msgspec.structs.replace(
        view,
        state=plugin.state,
        error=plugin.last_error,
        level="" if confined is None else confined.level,
        layers=() if confined is None else confined.layers,
        pid=0 if process is None or process.reason else process.confined.pid,
        calls=0 if process is None else process.calls,
        agents=tuple(spec.name for spec in plugin.agents),
        permissions=() if grant is None else tuple(describe(grant.permissions)),
    )


def _grant(admitted: Admitted, permissions: Permissions, by: str, now: float) -> Grant:
    manifest = admitted.manifest
    return Grant(
        name=manifest.name,
        version=manifest.version,
        digest=admitted.digest,
        permissions=permissions,
        limits=manifest.limits,
        approved_by=by,
        time=now,
    )
