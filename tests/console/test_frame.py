"""What surrounds every page of the console."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, expect


def test_a_ticket_signs_in_and_leaves_the_address(page):
    expect(page.get_by_role("status")).to_have_text("Live")
    assert "ticket" not in page.url
    expect(page.get_by_role("button", name="Sign out")).to_have_text("Sign out (admin)")


def test_what_goes_wrong_in_a_page_is_seen(page):
    page.watch.forgive("")
    page.evaluate("console.error('a word'); setTimeout(() => { throw new Error('thrown'); })")
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    with pytest.raises(Error, match="ERR_"):
        page.goto("http://127.0.0.1:9/")
    seen = "\n".join(page.watch.seen)
    for told in ("console: a word", "thrown", "elsewhere: http://127.0.0.1:9/", "connect-src"):
        assert told in seen


def test_keys_go_from_page_to_page_and_are_listed(page):
    for key, title in {"r": "Runs", "a": "Agents", "d": "Dead letters", "s": "System"}.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page).to_have_title(f"{title} · Retinue")
        expect(page.locator("main")).to_be_focused()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    for told in ("Everywhere", "this list", "Dead letters"):
        expect(dialog).to_contain_text(told)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")


def test_colours_are_chosen_and_kept(page):
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert page.evaluate(ground) != light
    page.reload()
    expect(page.get_by_role("button", name="Colours: dark. Change")).to_be_visible()
    assert page.evaluate(ground) != light


def test_where_one_is_stays_in_sight_on_a_narrow_screen(browsing):
    page = browsing.console(width=360, at="system")
    expect(page.get_by_role("heading", level=1)).to_have_text("System")
    current = page.get_by_role("navigation", name="Pages").get_by_role("link", name="System")
    expect(current).to_be_in_viewport(ratio=1)


def test_an_answer_that_takes_long_is_waited_for_before_it_is_asked_for_again(page, daemon):
    asked, letters = [], "**/v1/dead?limit=100"

    def hold(route):
        asked.append(route)

    page.route(letters, hold)
    with page.expect_request(letters):
        daemon.done("broken")
    daemon.done("broken")
    with page.expect_request("**/v1/approvals?*"):  # what is as quick to look again
        daemon.asking(1)
    assert len(asked) == 1
    with page.expect_request(letters):
        asked[0].continue_()
