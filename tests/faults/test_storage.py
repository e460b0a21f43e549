"""Full disks, failing disks, folders that are not ours: accepted work is kept, new work refused."""

from __future__ import annotations

import pytest

from . import storage


@pytest.mark.parametrize("fault", storage.FAULTS)
def test_a_daemon_keeps_what_it_accepted_and_says_what_is_wrong(tmp_path, fault):
    counts = storage.FAULTS[fault](tmp_path)
    assert counts["accepted"] == 2
    assert counts["refused"] == 1
