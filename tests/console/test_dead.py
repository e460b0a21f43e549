"""The page of dead letters: looked at, done again, and taken off the list."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


@pytest.fixture
def letters(daemon):
    """``letters(n)``: the ids of so many tasks that failed for good, newest first; none before."""

    def made(number):
        for one in daemon.client.get("/v1/dead", list[dict]):
            daemon.client.post(f"/v1/dead/{one['id']}/purge", dict)
        return [daemon.done("broken", text=f"sheet {n}").id for n in range(number)][::-1]

    return made


def _rows(page):
    return page.get_by_role("list", name="Dead letters").get_by_role("listitem")


def test_a_letter_is_opened_and_tells_what_why_and_with_what_input(console, browsing, letters):
    first, _ = letters(2)
    browsing.go(console, "dead")
    expect(_rows(console)).to_have_count(2)
    _rows(console).first.get_by_role("link").click()
    assert console.url.endswith(f"#/dead/{first}")
    letter = console.get_by_role("region", name=first)
    for told in ("task failed", "broken", "ValueError: the paper is torn", '"text": "sheet 1"'):
        expect(letter).to_contain_text(told)
    letter.get_by_role("button", name="Close").click()
    expect(letter).to_have_count(0)


def test_a_task_is_done_once_more_and_its_letter_leaves_the_list(console, browsing, letters):
    (one,) = letters(1)
    browsing.go(console, f"dead/{one}")
    console.get_by_role("region", name=one).get_by_role("button", name="Redrive").click()
    console.get_by_role("dialog").get_by_role("button", name="Redrive").click()
    expect(console.get_by_role("log", name="Notices")).to_contain_text("1 letter redriven.")
    expect(console.get_by_role("region", name=one)).to_contain_text("redriven as t-")
    expect(_rows(console)).to_have_count(1)  # it fails again, as another task
    expect(_rows(console).filter(has_text=one)).to_have_count(0)
    console.get_by_label("dealt with, too").check()
    expect(_rows(console).filter(has_text="redriven as")).not_to_have_count(0)


def test_many_are_marked_and_purged_with_a_reason(console, browsing, letters):
    letters(5)
    browsing.go(console, "dead")
    expect(_rows(console)).to_have_count(5)
    console.get_by_label("Filter").fill("nothing like this")
    expect(console.get_by_text("None is like that")).to_be_visible()
    console.get_by_label("Filter").fill("")
    console.get_by_label("mark all that are shown").check()
    _rows(console).last.get_by_role("checkbox").uncheck()
    console.get_by_role("button", name="Purge 4").click()
    dialog = console.get_by_role("dialog", name="Purge 4 letters?")
    dialog.get_by_role("button", name="Purge").click()
    expect(dialog).to_be_visible()  # a reason is asked for
    dialog.get_by_label("Reason").fill("old paper")
    dialog.get_by_role("button", name="Purge").click()
    expect(console.get_by_role("log", name="Notices")).to_contain_text("4 letters purged.")
    expect(_rows(console)).to_have_count(1)


def test_those_that_could_not_be_redriven_are_named_and_stay(browsing, daemon, letters):
    second, first = letters(2)
    page = browsing.console(at="dead")
    page.watch.forgive("400")
    page.get_by_label("mark all that are shown").check()
    page.get_by_role("button", name="Redrive 2").click()
    daemon.client.post(f"/v1/dead/{first}/purge", dict)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Redrive").click()
    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("1 letter could not be redriven.")
    expect(alert).to_contain_text(first)
    expect(alert).not_to_contain_text(second)


def test_the_list_is_walked_with_keys(console, browsing, letters):
    first, second = letters(2)
    browsing.go(console, "dead")
    expect(_rows(console)).to_have_count(2)
    console.keyboard.press("j")
    console.keyboard.press("j")
    console.keyboard.press("x")
    expect(_rows(console).last.get_by_role("checkbox")).to_be_checked()
    console.keyboard.press("p")
    expect(console.get_by_role("dialog", name="Purge 1 letter?")).to_contain_text(second)
    console.keyboard.press("Escape")
    console.keyboard.press("k")
    console.keyboard.press("Enter")
    expect(console.get_by_role("region", name=first)).to_be_visible()


def test_a_viewer_marks_and_changes_nothing(browsing, letters):
    (one,) = letters(1)
    page = browsing.console("viewer", at=f"dead/{one}")
    expect(page.get_by_role("region", name=one)).to_contain_text("the paper is torn")
    assert page.get_by_role("checkbox", name="Mark").count() == 0
    for button in page.get_by_role("button", name="Redrive").all():
        expect(button).to_be_disabled()
