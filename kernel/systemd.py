"""``sd_notify``: tells a service manager how far the daemon is."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["notify"]


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send ``READY=1``, ``STOPPING=1`` or ``STATUS=…``; nothing happens without a manager.

    See sd_notify(3). A manager that does not listen is no reason to fail.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made, suppress(OSError):
        made.settimeout(1.0)
        made.sendto(state.encode(), address.replace("@", "\0", 1))
