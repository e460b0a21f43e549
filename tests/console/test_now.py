"""The page Now."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

HOLE = """async () => {
  const { recent, filled } = await import("/pages/console/lib/live.js");
  const at = recent.findLastIndex((item) => item.type === "run.started");
  const gone = recent.splice(at, 5);
  const [first, last] = [gone[0].seq, gone.at(-1).seq];
  recent.splice(at, 0, { gap: true, first, last, reason: "slow", dropped: 5, how_to_fill: "ask" });
  filled.value += 1;
  return [first, last];
}"""


@pytest.fixture
def console(shared):
    """The page Now, as if it was just opened."""
    for at, title in (("runs", "Runs"), ("now", "Now")):
        shared.evaluate("at => { location.hash = '#/' + at; }", at)
        expect(shared.get_by_role("heading", level=1)).to_have_text(title)
    return shared


@pytest.fixture
def rows(console):
    """The rows of the trace."""
    return console.get_by_role("row")


def test_a_call_arrives_live_and_is_joined_to_its_result(console, daemon, rows):
    daemon.submit("writer", text="green tea")
    row = rows.filter(has_text="clock.now").last
    expect(row).to_contain_text(re.compile(r'\{"zone":"UTC"\} → \{"epoch".*ms'))
    expect(rows.filter(has_text="green tea is what it is about.")).to_have_count(1)
    expect(rows.filter(has_text="thinking about green tea").last).to_have_class(
        re.compile("thought")
    )
    expect(rows.last).to_contain_text("run succeeded")


def test_a_failure_stands_out_by_words_and_colour(console, daemon, rows):
    daemon.done("broken")
    row = rows.filter(has_text="task failed").last
    expect(row).to_contain_text("ValueError: the paper is torn")
    expect(row).to_have_class(re.compile(r"\bbad\b"))


def test_what_waits_for_a_person_stands_out_until_it_is_decided(console, daemon, rows):
    asked = daemon.asking(12)
    row = rows.filter(has_text="approval requested").last
    expect(row).to_have_class(re.compile(r"\bloud\b"))
    expect(row.get_by_role("link", name="Answer it")).to_have_attribute("href", "#/approvals")
    daemon.client.post(f"/v1/approvals/{asked.id}/grant", dict, {"reason": "fine"})
    granted = rows.filter(has_text="approval granted").last
    expect(granted).to_contain_text("fine")
    expect(granted).not_to_have_class(re.compile(r"\bloud\b"))


def test_filters_are_in_the_address_and_hold_when_the_page_is_loaded_again(console, daemon, rows):
    daemon.done("editor", text="mint", n=1)
    console.get_by_label("Agent").select_option("writer")
    console.get_by_label("Type").fill("agent.* tool")
    console.get_by_label("Text").fill("mint")
    expect(console).to_have_url(re.compile(r"agent=writer&type=agent\.\*\+tool&text=mint"))
    expect(rows.filter(has_not_text="mint")).to_have_count(0)
    expect(rows.first).to_contain_text("thinking about mint 0")
    console.reload()
    expect(console.get_by_label("Text")).to_have_value("mint")
    expect(rows.first).to_contain_text("thinking about mint 0")
    console.get_by_label("Text").fill("nothing has this in it")
    expect(console.get_by_text("matches")).to_be_visible()
    console.get_by_role("button", name="Clear").click()
    expect(console).to_have_url(re.compile(r"#/(now)?$"))
    expect(rows.filter(has_text="run succeeded").first).to_be_visible()


def test_a_paused_list_keeps_still_and_counts_what_is_new(console, daemon, rows):
    daemon.done("writer", text="first")
    expect(rows.filter(has_text="thinking about first")).to_have_count(1)
    expect(rows.last).to_contain_text("run succeeded")
    console.keyboard.press("Space")
    before = rows.last.get_attribute("aria-rowindex")
    daemon.done("talker", thoughts=40)
    pill = console.get_by_role("button", name="go to the end")
    expect(pill).to_contain_text(re.compile("4[34] new"))
    assert rows.last.get_attribute("aria-rowindex") == before
    expect(console.get_by_role("button", name="Paused", exact=True)).to_be_visible()
    console.keyboard.press("G")
    expect(pill).to_have_count(0)
    expect(rows.last).to_contain_text("run succeeded")
    assert int(rows.last.get_attribute("aria-rowindex")) > int(before) + 40


def test_scrolling_up_pauses_and_the_pill_goes_back_to_the_end(console, daemon, rows):
    daemon.done("talker", thoughts=80)
    expect(rows.filter(has_text="thought 79")).to_have_count(1)
    expect(rows.last).to_contain_text("run succeeded")
    grid = console.get_by_role("treegrid")
    grid.hover()
    console.mouse.wheel(0, -400)
    pill = console.get_by_role("button", name="go to the end")
    expect(pill).to_be_visible()
    daemon.done("writer", text="later")
    expect(pill).to_contain_text("new")
    expect(rows.filter(has_text="later is what")).to_have_count(0)
    pill.click()
    expect(rows.filter(has_text="later is what")).to_be_visible()


def test_a_row_opens_by_keys_to_its_events_and_says_why(console, daemon, rows):
    task = daemon.done("writer", text="oolong")
    console.get_by_label("Run").fill(task.run)
    console.get_by_label("Type").fill("tool.called")
    expect(console).to_have_url(re.compile(f"run={task.run}"))
    expect(console).to_have_url(re.compile("type=tool"))
    expect(rows).to_have_count(2)
    console.get_by_label("Type").blur()
    console.keyboard.press("j")
    console.keyboard.press("Enter")
    detail = console.locator(".detail")
    expect(detail.locator("pre").first).to_contain_text('"zone": "UTC"')
    expect(detail.get_by_text("tool.returned", exact=True)).to_be_visible()
    expect(console).to_have_url(re.compile(r"row=\d+"))
    detail.get_by_role("button", name="Why?").click()
    expect(detail.locator(".why .answer")).to_contain_text("tool.returned")
    console.reload()
    expect(detail.locator("pre").first).to_contain_text('"zone": "UTC"')
    detail.get_by_role("link", name=f"Run {task.run}").click()
    expect(console.get_by_role("heading", level=1)).to_have_text(f"Run {task.run}")


def test_a_gap_says_what_is_missing_and_is_filled_from_the_journal(console, daemon, rows):
    daemon.done("writer", text="rooibos")
    expect(rows.filter(has_text="thinking about rooibos")).to_have_count(1)
    expect(rows.last).to_contain_text("run succeeded")
    first, last = console.evaluate(HOLE)
    row = rows.filter(has_text="Missing")
    expect(row).to_contain_text(f"events {first} to {last}, as this page read too slowly")
    console.keyboard.press("Space")
    row.get_by_role("button", name="Fetch them").click()
    expect(row).to_have_count(0)
    expect(console.get_by_role("button", name="go to the end")).to_contain_text("Paused")
    expect(rows.filter(has_text='{"text":"rooibos"}').first).to_be_visible()


def test_a_task_is_submitted_by_a_form_and_its_run_is_shown(console):
    console.keyboard.press("s")
    dialog = console.get_by_role("dialog", name="Submit a task")
    dialog.get_by_label("Agent").select_option("writer")
    dialog.get_by_label("text").fill("assam")
    dialog.get_by_role("button", name="Submit").click()
    expect(console.get_by_role("heading", level=1)).to_have_text(re.compile("^Run r-"))
    expect(console.locator(".run-head")).to_contain_text("succeeded")
    expect(console.locator(".run-head .result")).to_contain_text("assam: 20")


def test_a_viewer_cannot_submit(browsing):
    page = browsing.console("viewer")
    button = page.get_by_role("button", name="Submit a task")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", "This takes the role operator")
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_ticket_that_signed_in_comes_back_into_no_address(browsing):
    page = browsing.console()
    page.get_by_label("Text").fill("tea")
    expect(page).to_have_url(re.compile(r"#/\?text=tea$"))


def test_enter_and_space_press_what_is_focused(console, daemon, rows):
    task = daemon.done("writer", text="focus")
    link = rows.filter(has_text="focus is what").get_by_role("link")
    console.keyboard.press("j")
    console.get_by_role("button", name="Paused", exact=True).focus()
    console.keyboard.press("Space")
    expect(console.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    link.focus()
    console.keyboard.press("Enter")
    expect(console.get_by_role("heading", level=1)).to_have_text(f"Run {task.run}")
