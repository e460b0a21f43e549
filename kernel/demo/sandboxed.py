"""The file tools as a stranger's plugin: in a process that may read one folder, and nothing else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from ..kernel import Kernel

__all__ = ["load_files"]

_MANIFEST = """\
name = "files"
version = "1.0"
description = "Lists, searches and reads files in one folder"
entry = "retinue.plugins.system.files:plugin"

[settings.roots]
docs = {folder}

[permissions]
read = [{folder}]
"""


def load_files(kernel: Kernel, folder: Path) -> None:
    """Load it, approving what it asks for: to read ``folder``. Raises ``PluginError``."""
    real = json.dumps(str(folder.resolve()))  # a TOML string is written like one of JSON
    with tempfile.TemporaryDirectory(prefix="retinue-demo-") as place:
        (Path(place) / "plugin.toml").write_text(_MANIFEST.format(folder=real))
        proposal = kernel.propose_plugin(place)
        kernel.load_plugin(place, approve=proposal.digest, by="the demo")
