"""What a kernel can be told about plugins that run in processes of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retinue.bus.messages import EventBody
from retinue.bus.views import PluginProposal, PluginView

from .elements import commit
from .tool_calls import ToolCall
from .tree import Tree

__all__ = ["PluginCommands"]

_TIMEOUT = 30.0


class PluginCommands:
    """Part of ``Kernel``. Any thread may use it; each method blocks until it is done."""

    @property
    def _live(self) -> Tree:
        raise NotImplementedError

    def propose_plugin(self, folder: str | Path) -> PluginProposal:
        """What the plugin in ``folder`` asks for, before anything of it runs. Raises ``PluginError``."""
        return self._live.hosted.propose(Path(folder))

    def propose_files(self, files: Mapping[str, bytes]) -> tuple[PluginProposal, Path]:
        """The same of a plugin's files by their paths, such as ``{"plugin.toml": b"…"}``.

        With it comes the folder that ``load_plugin`` then takes. Raises ``PluginError``.
        """
        return self._live.hosted.propose_sent(files)

    def load_plugin(self, folder: str | Path, approve: str = "", by: str = "") -> PluginProposal:
        """Load a plugin into a process of its own, or replace the version that runs.

        ``approve`` is the digest of what ``propose_plugin`` showed: it grants exactly that content
        what it asks for. Without it only what was granted before is loaded. ``by`` says who approved.
        Raises ``Denied`` with what it asks for, and ``PluginError`` for what cannot be started.
        """
        tree = self._live

        def committed(body: EventBody) -> None:
            commit(tree, body)

        return tree.hosted.load(
            Path(folder), approve, by, lambda m: tree.manager.ask(m, timeout=_TIMEOUT), committed
        )

    def unload_plugin(
        self, name: str, reason: str = "unloaded by its program", drain: float | None = None
    ) -> None:
        """Take a plugin's tools away, let calls in flight end within ``drain`` seconds, and end it.

        By default they have as long as a call may take. Raises ``NotFound`` for a plugin that does
        not run in a process of its own.
        """
        tree = self._live
        tree.hosted.unload(name, reason, lambda m: tree.manager.ask(m, timeout=_TIMEOUT), drain)

    def revoke_plugin(self, name: str, reason: str = "") -> None:
        """Take back what a plugin was granted, and end it at once; its calls in flight fail.

        It is asked about again before it can be loaded. Raises ``NotFound`` without a grant.
        """
        tree = self._live
        tree.hosted.revoke(
            name,
            reason,
            lambda m: tree.manager.ask(m, timeout=_TIMEOUT),
            lambda body: commit(tree, body),
        )

    def release_plugin(self, name: str) -> PluginView:
        """Start a plugin in quarantine once more. Raises ``NotFound``, ``PluginError``."""
        tree = self._live
        tree.hosted.release(name)
        return tree.hosted.view(tree.plugins[name])

    def tool_call(self, tool: str, args: Mapping[str, Any] | None = None) -> ToolCall:
        """A call of a tool outside any task that is followed while it runs; ``begin`` it."""
        return ToolCall(self._live, tool, args or {})
