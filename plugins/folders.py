"""A plugin's folder without a kernel: its tools called here, or in a real process behind its walls."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from retinue.bus.clock import SystemClock
from retinue.bus.codec import encode_value
from retinue.bus.errors import (
    Denied,
    InvalidInput,
    RetinueError,
    ToolError,
    UnknownTool,
)

from .guest.main import plugin_of
from .host.faults import pack, unpack
from .manifest.admission import admit
from .manifest.grants import checked
from .manifest.model import Grant, Level, Manifest
from .manifest.parse import read_manifest
from .plugin import Plugin
from .scripted_host import QuietWatch, ScriptedMediator, ScriptedPort
from .tools import Tool, ToolContext

if TYPE_CHECKING:
    from .harness import TestTurn
    from .hosting.plugin import HostedPlugin

__all__ = ["PluginFolder"]

PATIENCE = 30.0


class PluginFolder:
    """A plugin as its folder has it; a context manager, for one thread, which blocks.

    Its code is imported into this process, which is quick and can be debugged; with ``sandboxed``
    it runs in a process of its own, behind the walls that a kernel would put around it. In both the
    arguments, results and errors are those that a kernel would see.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        host: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        sandboxed: bool = False,
        level: Level = "standard",
    ) -> None:
        """``host`` scripts what the plugin asks for, such as ``{"fs.read": {"data": "", "size": 0}}``.

        A value is the answer, a function makes it from the parameters, an exception is raised. What
        is not scripted is refused. ``settings`` are laid over the manifest's.
        """
        self.folder = Path(folder).absolute()
        self.manifest: Manifest = read_manifest(self.folder / "plugin.toml")
        if self.manifest.runtime not in ("python", "wasm"):
            raise InvalidInput(
                f"plugin {self.manifest.name!r} is a command: start it in its test, and speak to it"
            )
        self.permissions = checked(self.manifest.permissions, self.manifest.name)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """What it asked its host for, and with which parameters."""
        self.progress: list[tuple[float, float, str]] = []
        """How far its tools said that they were."""
        self.streamed: list[Any] = []
        """The pieces of output that its tools gave before the end."""
        self.logged: list[str] = []
        """What it wrote on stdout and stderr; sandboxed only."""
        self._script = dict(host or {})
        self._settings = {**self.manifest.settings, **(settings or {})}
        self._level: Level | None = level if sandboxed else None
        self._stack = ExitStack()
        self._tools: dict[str, Tool] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._runner = stack.enter_context(asyncio.Runner())
            if self._level is None:
                stack.enter_context(_importing(self.folder))
                self._plugin = self._imported()
                tools = self._plugin.tools
            else:
                tools = self._walled(self._level, stack)
            self._tools = {tool.name: tool for tool in tools}
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def tools(self) -> list[str]:
        """Its tools' names, without the plugin's own before them."""
        return [name.partition(".")[2] for name in self._tools]

    def call(self, tool: str, /, *, timeout: float = PATIENCE, **args: Any) -> Any:
        """Call a tool as an operator would; its result, decoded.

        Raises ``UnknownTool``, ``InvalidInput``, ``DeadlineExceeded``, and ``ToolError`` for what
        the tool raises that is no ``RetinueError``.
        """
        found = self._tools.get(tool) or self._tools.get(f"{self.manifest.name}.{tool}")
        if found is None:
            raise UnknownTool(f"no tool is named {tool!r}: there are {', '.join(self.tools)}")
        given = encode_value(args, f"the arguments of {tool}")
        return self._runner.run(self._called(found, given, timeout))

    def turn(self, agent: str, /, **world: Any) -> TestTurn:
        """Turns of the plugin's agent of that name, with the plugin's tools; as ``TestTurn``.

        They run here, whether or not the plugin is sandboxed. Raises ``UnknownAgent``.
        """
        if self._level is not None:
            raise InvalidInput("turns of agents run here: open the folder without sandboxed=True")
        from .harness import PluginHarness

        return PluginHarness(self._plugin).turn(agent, **world)

    async def _called(self, tool: Tool, args: bytes, seconds: float) -> Any:
        answer_by = time.time() + seconds
        context = ToolContext(
            lambda done, total, note: self.progress.append((done, total, note)),
            deadline=answer_by,
            stream=lambda value: self.streamed.append(_copied(value)),
            host=ScriptedPort(self._answer),
        )
        try:
            async with asyncio.timeout(seconds):
                work = tool.check(args)
                if tool.is_async:
                    return _copied(await tool.call(work, context))
                return _copied(await asyncio.to_thread(tool.call, work, context))
        except Exception as error:
            seen = unpack(pack(error))
            if type(seen) is RetinueError:
                raise ToolError(f"{tool.name}: {seen}") from error
            raise seen from error

    def _answer(self, method: str, params: Mapping[str, Any]) -> Any:
        self.asked.append((method, _copied(dict(params))))
        if method not in self._script:
            raise Denied(
                "test.unscripted",
                method,
                f"this test scripts no {method!r}: give it with host={{…}}",
            )
        script = self._script[method]
        if isinstance(script, Exception):
            raise script
        return _copied(script(dict(params)) if callable(script) else script)

    def _imported(self) -> Plugin:
        manifest = self.manifest
        if manifest.runtime == "wasm":
            from .wasm.guest import plugin_of as wasm_plugin_of

            module = self.folder / manifest.entry
            return wasm_plugin_of(module, manifest.name, manifest.version, manifest.tools)
        return plugin_of(manifest.entry, manifest.name, manifest.version, self._settings)

    def _walled(self, level: Level, stack: ExitStack) -> tuple[Tool, ...]:
        from .hosting.interpreter import this_interpreter
        from .hosting.plugin import HostedPlugin
        from .hosting.starting import python_plan
        from .sandbox.probe import probe
        from .sandbox.spawner import Spawner

        store = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retinue-test-")))
        stack.callback(_writable, store)
        admitted = admit(self.folder, store)
        grant = _granted(self, admitted.digest)
        plan = python_plan(admitted, grant, level, probe(), this_interpreter(), os.environ)
        spawner = Spawner()
        stack.callback(spawner.close)
        plugin: HostedPlugin = HostedPlugin(
            grant,
            lambda: spawner.start(plan),
            ScriptedMediator(self._answer),
            QuietWatch(self.logged),
            settings=encode_value(self._settings, "the settings"),
            clock=SystemClock(),
            number=lambda: secrets.randbits(63),
            chance=random.SystemRandom().random,
        )
        stack.callback(lambda: self._runner.run(plugin.stop(0.0)))
        self._runner.run(plugin.start())
        return plugin.tools


def _granted(folder: PluginFolder, digest: str) -> Grant:
    """All that its manifest asks for."""
    manifest = folder.manifest
    return Grant(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        permissions=folder.permissions,
        limits=manifest.limits,
    )


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """The folder's modules can be imported, after the standard library's, and are gone at the end."""
    own = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    apart = {name: sys.modules.pop(name) for name in list(sys.modules) if _top(name) in own}
    place = next((i for i, p in enumerate(sys.path) if "site-packages" in p), len(sys.path))
    sys.path.insert(place, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if _top(name) in own]:
            del sys.modules[name]
        sys.modules.update(apart)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _copied(value: Any) -> Any:
    return msgspec.json.decode(encode_value(value, "a value"))


def _writable(store: Path) -> None:
    """What was taken in is read-only; it can be removed again."""
    for folder in store.rglob("*"):
        if folder.is_dir():
            folder.chmod(0o700)
