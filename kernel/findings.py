"""What checks of a kernel and its host find: see ``retinue doctor``."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "State"]

State = Literal["ok", "note", "fail"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one check found. A ``note`` is missing but not needed; a ``fail`` has to be mended."""

    check: str
    state: State
    found: str
    remedy: str = ""
