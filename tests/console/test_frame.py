"""What surrounds every page of the console."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, expect


def test_a_ticket_signs_in_and_leaves_the_address(console):
    expect(console.get_by_role("status")).to_have_text("Live")
    assert "ticket" not in console.url
    expect(console.get_by_role("button", name="Sign out")).to_have_text("Sign out (admin)")


def test_what_goes_wrong_in_a_page_is_seen(console):
    console.watch.forgive("")
    console.evaluate("console.error('a word'); setTimeout(() => { throw new Error('thrown'); })")
    console.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    with pytest.raises(Error, match="ERR_"):
        console.goto("http://127.0.0.1:9/")
    seen = "\n".join(console.watch.seen)
    for told in ("console: a word", "thrown", "elsewhere: http://127.0.0.1:9/", "connect-src"):
        assert told in seen
