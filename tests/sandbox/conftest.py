"""Real processes behind real walls."""

from __future__ import annotations

import msgspec
import pytest

from retinue.plugins.attacks.den import Den
from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.probe import probe


@pytest.fixture(scope="session")
def given():
    return probe()


@pytest.fixture
def at_level(tmp_path, given, missing):
    """``at_level("strict")``: a den there; skipped where the host does not give it."""
    dens = []

    def made(level):
        if gone := lacking(level, given):
            missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
        if level == "baseline" and given.root:
            missing("a readable interpreter", "baseline needs one that a dropped uid can read")
        dens.append(Den(tmp_path, given, level))
        return dens[-1]

    yield made
    for den in dens:
        den.close()


@pytest.fixture
def changed():
    """A plan whose launcher was told otherwise."""

    def change(plan, **launcher):
        return msgspec.structs.replace(plan, launcher={**plan.launcher, **launcher})

    return change
