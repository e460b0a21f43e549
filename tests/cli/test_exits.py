"""Which error leads to which exit code."""

from __future__ import annotations

import pytest

from retinue.bus import errors
from retinue.kernel.cli.exits import Exit, exit_code
from retinue.kernel.folder import FolderInUse, FolderNotOurs


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 78),
        (errors.InvalidInput("x"), 65),
        (errors.UnknownAgent("x"), 66),
        (errors.UnknownTool("x"), 66),
        (errors.NotFound("x"), 66),
        (errors.Unavailable("x"), 69),
        (errors.DeadlineExceeded("x"), 75),
        (errors.TaskFailed("t", "k", "c"), 1),
        (errors.TaskCancelled("t", "r"), 1),
        (errors.JournalError("x", "full", retryable=True), 74),
        (errors.JournalError("x", "corrupt", retryable=False), 65),
        (errors.JournalError("x", "locked", retryable=True), 75),
        (errors.JournalError("x", "read-only", retryable=False), 77),
        (errors.RetinueError("x"), 70),
        (FolderInUse("x"), 75),
        (FolderNotOurs("x"), 77),
        (PermissionError("x"), 77),
        (OSError("x"), 73),
        (ZeroDivisionError("x"), 70),
    ],
)
def test_each_kind_of_error_has_its_code(error, code):
    assert exit_code(error) == code


def test_every_error_of_ours_has_a_code_of_its_own_meaning():
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert exit_code(kind.__new__(kind)) in set(Exit) - {Exit.OK}
