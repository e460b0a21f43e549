"""The page of approvals: what waits is answered there, and what was said stays to be seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from retinue.bus.views import TaskView


@pytest.fixture
def asked(daemon):
    """``asked(amount, to)``: a payment that waits; none waits any more afterwards."""
    yield daemon.asking
    for task in daemon.client.get("/v1/tasks", list[TaskView], {"state": "running"}):
        daemon.client.post(f"/v1/tasks/{task.id}/cancel", dict)
        daemon.client.get(f"/v1/tasks/{task.id}/wait", TaskView, {"wait": 20})


def test_a_call_is_granted_with_a_reason_and_its_run_goes_on(console, browsing, daemon, asked):
    browsing.go(console, "approvals")
    expect(console.get_by_text("Nothing waits for approval")).to_be_visible()
    approval = asked(120, "bob")
    card = console.get_by_role("listitem").filter(has_text="wire")
    for told in (
        "agent:payer",
        "payments-are-asked-for",
        '"amount": 120',
        '"to": "bob"',
        "operator",
    ):
        expect(card).to_contain_text(told)
    expect(card.get_by_role("timer")).to_contain_text(re.compile(r"(9|10) min .* left"))
    expect(card.get_by_role("link", name=approval.run)).to_have_attribute(
        "href", f"#/runs/{approval.run}"
    )
    expect(console.get_by_role("navigation").get_by_label("1 waiting")).to_be_visible()
    card.get_by_role("button", name="Grant").click()
    dialog = console.get_by_role("dialog", name="Grant this call?")
    dialog.get_by_label("Reason").fill("invoice 17")
    dialog.get_by_role("button", name="Grant").click()
    expect(dialog).to_have_count(0)
    expect(console.get_by_text("Nothing waits for approval")).to_be_visible()
    row = console.get_by_role("row").filter(has_text=approval.run)
    expect(row).to_contain_text("used")
    expect(row).to_contain_text("invoice 17")
    task = daemon.client.get(f"/v1/tasks/{approval.task}/wait", TaskView, {"wait": 20})
    assert task.result == "120 went to bob"


def test_a_call_is_denied_with_the_keyboard_alone(console, browsing, daemon, asked):
    approval = asked(9000)
    browsing.go(console, "approvals")
    expect(console.get_by_role("heading", name="1 call waiting")).to_be_visible()
    console.keyboard.press("j")
    console.keyboard.press("n")
    dialog = console.get_by_role("dialog", name="Deny this call?")
    dialog.get_by_label("Reason").focus()
    console.keyboard.type("too much")
    console.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(console.get_by_role("heading", name="0 calls waiting")).to_be_focused()
    row = console.get_by_role("row").filter(has_text=approval.run)
    expect(row).to_contain_text("denied")
    console.get_by_label("State").select_option("denied")
    assert "state=denied" in console.url
    expect(row).to_contain_text("too much")
    console.get_by_label("State").select_option("expired")
    expect(row).to_have_count(0)
    task = daemon.client.get(f"/v1/tasks/{approval.task}/wait", TaskView, {"wait": 20})
    assert "too much" in task.error


def test_what_an_agent_wrote_is_text_and_nothing_else(console, browsing, asked):
    asked(1, "<img src=x onerror=alert(1)><b>bold</b>")
    browsing.go(console, "approvals")
    expect(console.get_by_label("Arguments")).to_contain_text("<b>bold</b>")
    assert console.locator("main img, main b").count() == 0


def test_a_viewer_sees_what_waits_and_answers_nothing(browsing, asked):
    asked(5)
    page = browsing.console("viewer", at="approvals")
    for name in ("Grant", "Deny"):
        button = page.get_by_role("button", name=name)
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("title", "Answering takes the role operator.")


def test_an_answer_that_comes_too_late_is_told_in_the_dialog(browsing, daemon, asked):
    approval = asked(5)
    page = browsing.console(at="approvals")
    page.watch.forgive("40[04]")
    page.get_by_role("button", name="Grant").click()
    dialog = page.get_by_role("dialog")
    daemon.client.post(f"/v1/approvals/{approval.id}/deny", dict)
    dialog.get_by_role("button", name="Grant").click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        re.compile("an answer counts once|its run is over")
    )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
