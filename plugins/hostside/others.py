"""``ctx.secret``, ``ctx.kernel`` and ``ctx.tools``: what others know and do, on the plugin's behalf."""

from __future__ import annotations

import base64
from typing import Any, Literal

from .asking import Asker

__all__ = ["KernelSide", "OtherTools", "Secrets"]

Algorithm = Literal["sha256", "sha384", "sha512", "sha1"]


class Secrets:
    """Secrets that the host uses for the plugin, and never gives to it."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def header(self, name: str, before: str = "Bearer ") -> str:
        """What to put into a header of a fetch; the host fills the secret in."""
        return f"{before}{{secret:{name}}}"

    async def sign(self, name: str, data: bytes, algorithm: Algorithm = "sha256") -> bytes:
        """The HMAC of the data with the secret for a key. Raises ``Denied`` unless granted."""
        encoded = base64.b64encode(data).decode()
        given = await self._asker.ask("secret.use", name=name, data=encoded, algorithm=algorithm)
        return base64.b64decode(given["mac"])


class KernelSide:
    """Tasks for agents, as children of the task for which the tool works.

    Raises ``Denied`` for an action that was not granted, and what refuses any task.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def ask(self, agent: str, /, **input: Any) -> Any:
        """An agent's result. Raises ``TaskFailed``, and ``DeadlineExceeded`` at the call's end."""
        return (await self._asker.ask("kernel.ask", agent=agent, input=input))["result"]

    async def submit(self, agent: str, /, *, priority: int = 5, key: str = "", **input: Any) -> str:
        """The id of a task that was accepted; the same one for a ``key`` that was used before."""
        params = {"agent": agent, "input": input, "priority": priority, "key": key}
        task: str = (await self._asker.ask("kernel.submit", **params))["task"]
        return task

    async def state(self, task: str) -> str:
        """The state of a task of the same run, or of one that this plugin submitted."""
        state: str = (await self._asker.ask("kernel.state", task=task))["state"]
        return state


class OtherTools:
    """Tools of other plugins, and the kernel's own, as far as they were granted by name."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def call(self, tool: str, /, **args: Any) -> Any:
        """A tool's result. Raises ``Denied``, and what the tool raises."""
        return (await self._asker.ask("plugin.call", tool=tool, args=args))["value"]
