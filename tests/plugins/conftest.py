"""A folder to be granted, and ``files`` on it."""

from __future__ import annotations

import pytest

from retinue.plugins.system.files import plugin
from retinue.plugins.testing import PluginHarness

from .places import furnished


@pytest.fixture
def place(tmp_path):
    """A granted root beside things that are not granted, and all ways to them that links give."""
    return furnished(tmp_path)


@pytest.fixture
def files(place):
    return PluginHarness(plugin({"roots": {"granted": str(place)}}))
