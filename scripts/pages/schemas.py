"""``reference/asyncapi.json``, from ``retinue.bus.schema``."""

from __future__ import annotations

import json

from retinue.bus.schema import asyncapi
from retinue.kernel.version import VERSION


def asyncapi_document() -> str:
    """The document for a kernel with the default names."""
    return json.dumps(asyncapi(VERSION), indent=2, ensure_ascii=False) + "\n"
