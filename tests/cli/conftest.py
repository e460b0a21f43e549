"""The command line, called in this process: its exit code, and what it says where."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from retinue.kernel.cli import main


class Said(NamedTuple):
    """What a call of ``retinue`` left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def retinue(capfd, monkeypatch):
    """``retinue("status", …)``: calls the command line as a shell would; see ``Said``."""
    monkeypatch.delenv("RETINUE_STATE_DIR", raising=False)

    def call(*arguments: object) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call
