"""A running kernel for each test, and agents that several tests need."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retinue.bus.views import PluginView
from retinue.kernel import Kernel


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as started:
        yield started


class Folder:
    """A plugin's folder, to be written again and again."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name

    def write(self, code: str, version: str = "1.0", manifest: str = "") -> Path:
        """Its manifest, and ``code`` as its only module."""
        self.path.mkdir(exist_ok=True)
        head = f'name = "{self.name}"\nversion = "{version}"\nentry = "{self.name}_tools"\n'
        (self.path / "plugin.toml").write_text(head + manifest)
        source = f"from retinue.plugins import Plugin, ToolContext, tool\n{code}"
        (self.path / f"{self.name}_tools.py").write_text(source)
        return self.path

    def load(self, kernel: Kernel, code: str, version: str = "1.0", manifest: str = "") -> str:
        """Write it and load it, approving it; its digest."""
        self.write(code, version, manifest)
        digest = kernel.propose_plugin(self.path).digest
        kernel.load_plugin(self.path, approve=digest, by="the test")
        return digest

    def view(self, kernel: Kernel) -> PluginView:
        """What the kernel says of it."""
        return next(view for view in kernel.plugins() if view.name == self.name)


@pytest.fixture
def guest(tmp_path: Path) -> Folder:
    """A folder for a plugin named ``guest``."""
    return Folder(tmp_path / "guest", "guest")


@pytest.fixture
def ended() -> Callable[..., bool]:
    """``ended(pid)``: whether a process is gone, within 10 seconds."""

    def look(pid: int, timeout: float = 10.0) -> bool:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)

    return look
