"""``Plugin``: tools and agents under one name and version, and how an entry point makes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from retinue.bus.errors import InvalidInput

from .agents import AgentSpec
from .pages import Pages
from .processing import AgentProcessor, Processor
from .tools import Tool

__all__ = ["Factory", "Plugin", "check_plugin_name", "check_version"]

_NAME = re.compile(r"[a-z][a-z0-9-]{1,63}\Z")


class Plugin:
    """What can be added to a kernel. Its tools are named ``{plugin}.{tool}``, and only so."""

    def __init__(
        self,
        name: str,
        version: str,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        agents: Iterable[AgentSpec | Callable[..., Any]] = (),
        description: str = "",
        permissions: Mapping[str, Any] | None = None,
        processors: Iterable[Processor | AgentProcessor] = (),
        pages: Pages | None = None,
    ) -> None:
        """A tool without a dot in its name gets the plugin's as prefix; raises ``InvalidInput``.

        ``permissions`` are for a plugin that runs inside the kernel: what its tools may ask for with
        ``ctx.http`` and the like, in the form of a manifest's ``[permissions]``. A plugin in a
        process of its own has those of its grant instead. ``processors`` are steps that calls of
        tools pass, its own and others': see ``Processor``. ``pages`` are for a browser, and the API
        serves them; see ``Pages``.
        """
        self.name = check_plugin_name(name)
        self.version = check_version(version, name)
        self.description = description
        self.permissions = dict(permissions or {})
        self.tools = tuple(self._own(Tool.of(t)) for t in tools)
        self.agents = tuple(AgentSpec.of(a) for a in agents)
        self.processors = tuple(processors)
        self.pages = pages
        self._refuse_twins([t.name for t in self.tools], "tool")
        self._refuse_twins([a.name for a in self.agents], "agent")

    def __repr__(self) -> str:
        return f"<Plugin {self.name} {self.version}: {len(self.tools)} tools, {len(self.agents)} agents>"

    def _own(self, tool: Tool) -> Tool:
        if "." not in tool.name:
            return tool.named(f"{self.name}.{tool.name}")
        if not tool.name.startswith(f"{self.name}."):
            raise InvalidInput(
                f"plugin '{self.name}': tool '{tool.name}' is outside its name; "
                f"call it '{self.name}.{tool.name.rpartition('.')[2]}'"
            )
        return tool

    def _refuse_twins(self, names: list[str], kind: str) -> None:
        for name in names:
            if names.count(name) > 1:
                raise InvalidInput(
                    f"plugin '{self.name}': two {kind}s are named '{name}'; rename one"
                )


Factory = Callable[[Mapping[str, Any]], Plugin]
"""What an entry point of the group ``retinue.plugins`` names: settings in, plugin out."""


def check_plugin_name(name: object) -> str:
    """The name, if a plugin may have it."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidInput(
            f"plugin {name!r}: a name is 2 to 64 lower-case letters, digits and '-', letter first"
        )
    return name


def check_version(version: object, name: str) -> str:
    """The version, if it is one line of text."""
    if not isinstance(version, str) or not version or not version.isprintable():
        raise InvalidInput(f"plugin '{name}': version {version!r} is not a version; write '1.0'")
    return version
