"""``retinue tokens``."""

from __future__ import annotations

import json

import pytest

from retinue.bus.errors import InvalidInput
from retinue.kernel.cli.tokens import lasting
from retinue.kernel.tokens import TokenFile


def test_a_token_is_made_listed_and_revoked_without_a_daemon(retinue, tmp_path):
    made = retinue(
        "tokens", "create", "ci", "--role", "viewer", "--expires", "2h", "--state-dir", tmp_path
    )
    secret = made.out.strip()
    assert (made.code, "not shown again" in made.err) == (0, True)
    assert TokenFile(tmp_path).find(secret).role == "viewer"
    listed = retinue("tokens", "list", "--json", "--state-dir", tmp_path)
    assert secret not in listed.out
    assert json.loads(listed.out)["state"] == "valid"
    shown = retinue("tokens", "list", "--state-dir", tmp_path).out
    assert "ci    viewer  in 1 h 59 min" in shown
    assert retinue("tokens", "revoke", "ci", "--state-dir", tmp_path).code == 0
    assert TokenFile(tmp_path).find(secret) is None
    again = retinue("tokens", "revoke", "ci", "--state-dir", tmp_path)
    assert (again.code, "no token 'ci'" in again.err) == (66, True)


def test_a_token_without_a_role_is_refused(retinue, tmp_path):
    assert retinue("tokens", "create", "ci", "--state-dir", tmp_path).code == 64
    assert not (tmp_path / "tokens.json").exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)]
)
def test_a_time_is_told_with_its_unit(text, seconds):
    assert lasting(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "1", "h", "-1h", "1.5h", "1y"])
def test_any_other_time_is_refused(text):
    with pytest.raises(InvalidInput, match="such as 90s"):
        lasting(text)
