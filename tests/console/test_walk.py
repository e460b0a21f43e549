"""A walk through the console, as an operator takes it: from an empty page to a restart under it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from retinue.bus.views import RunView, TaskView
from retinue.kernel.tokens import TokenFile

from .browsers import Browsing, live
from .daemons import HERE

SEEN = """async () => {
  const { missed, recent } = await import("/pages/console/lib/live.js");
  return { seqs: recent.filter((item) => !item.gap).map((item) => item.seq), missed: missed.value };
}"""
PLUGIN = '''
from retinue.plugins import tool


@tool
async def spell(word: str) -> list[str]:
    """Say a word letter by letter."""
    return list(word)
'''


def _rows(page):
    return page.get_by_role("treegrid").get_by_role("row")


def _heading(page):
    return page.get_by_role("heading", level=1)


def test_the_address_that_the_command_prints_signs_in_once(browsing, daemon):
    page = browsing.page()
    page.watch.forgive("400")
    address = daemon.retinue("console", "--role", "operator").stdout.strip()
    page.goto(address)
    live(page)
    expect(page.get_by_role("button", name="Sign out")).to_have_text("Sign out (operator)")
    again = browsing.page()
    again.watch.forgive("400")
    again.goto(address)
    expect(again.get_by_role("alert")).to_contain_text("this ticket was used")
    expect(_heading(again)).to_have_text("Retinue")


def test_an_agent_is_spawned_and_its_tool_calls_arrive_while_it_works(browsing, daemon):
    page = browsing.console()
    page.get_by_role("link", name="Agents").click()
    page.get_by_role("button", name="Spawn an agent").click()
    dialog = page.get_by_role("dialog", name="Spawn an agent")
    dialog.get_by_label("name").fill("walker")
    dialog.get_by_label("agent").fill(f"{HERE}/agents.py:patient")
    dialog.get_by_role("button", name="Spawn").click()
    expect(_heading(page)).to_contain_text("walker")
    page.get_by_role("button", name="Submit").click()
    expect(_heading(page)).to_have_text(re.compile("^Run r-"))
    run = _heading(page).text_content().removeprefix("Run ")
    page.get_by_role("link", name="Now", exact=True).click()
    call = _rows(page).filter(has_text="clock.now").last
    expect(call).to_contain_text("iso")  # its result, on the row of the call
    assert daemon.client.get(f"/v1/runs/{run}", RunView).open == 1
    expect(_rows(page).filter(has_text="waiting").last).to_be_visible()
    browsing.go(page, f"runs/{run}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_label("Reason").fill("walked enough")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".standing")).to_contain_text("cancelled")
    assert daemon.client.get(f"/v1/runs/{run}", RunView).state == "cancelled"


def test_a_call_that_waits_is_seen_from_another_page_and_granted(browsing, daemon):
    page = browsing.console()
    approval = daemon.asking(40)
    page.get_by_role("navigation").get_by_role("link", name="Approvals").click()
    page.get_by_role("button", name="Grant").click()
    page.get_by_role("dialog").get_by_role("button", name="Grant").click()
    page.get_by_role("row").filter(has_text=approval.run).get_by_role("link").click()
    expect(page.locator(".standing")).to_contain_text("succeeded")
    expect(page.locator(".run-head .result")).to_contain_text("40 went to ann")


def test_a_plugin_is_loaded_and_its_tool_called(browsing):
    page = browsing.console(at="plugins?do=load&from=paste")
    page.watch.forgive("cancel_on_disconnect", "404.*plugins/walked")
    dialog = page.get_by_role("dialog")
    manifest = 'name = "walked"\nversion = "1.0"\nentry = "walked_plugin"\n'
    dialog.get_by_label("plugin.toml").fill(manifest)
    dialog.get_by_label("Name of the file").fill("walked_plugin.py")
    dialog.get_by_label("Code", exact=True).fill(PLUGIN)
    dialog.get_by_role("button", name="See what it asks for").click()
    dialog.get_by_role("button", name="Approve and load").click()
    expect(_heading(page)).to_contain_text("walked 1.0")
    browsing.go(page, "plugins/walked?tool=walked.spell")
    page.get_by_label("word").fill("tea")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_label("Result")).to_contain_text('"t"')
    page.get_by_role("button", name="Unload").click()
    page.get_by_role("dialog").get_by_role("button", name="Unload it").click()
    expect(page.get_by_text("Only the kernel's own plugins are here")).to_be_visible()


def test_a_run_is_replayed_from_the_journal(browsing, daemon):
    task = daemon.done("editor", text="tea")
    page = browsing.console(at=f"runs/{task.run}")
    expect(page.locator(".standing")).to_contain_text("succeeded")
    slider = page.get_by_role("slider", name="Moment of the run")
    last = int(slider.input_value())
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("No task had begun by then")).to_be_visible()
    page.get_by_label("Speed").select_option("16")
    page.get_by_role("button", name="Play").click()
    expect(slider).to_have_value(str(last))
    expect(page.locator(".standing")).to_contain_text("succeeded")


def test_a_page_goes_on_without_a_loss_where_it_was_when_the_daemon_comes_back(browsing, daemon):
    page = browsing.console()
    page.watch.forgive("ERR_", "Failed to load resource")
    daemon.done("writer", text="before the end")
    expect(_rows(page).filter(has_text="before the end is what").last).to_be_visible()
    before = page.evaluate(SEEN)["seqs"]
    daemon.stop()
    try:
        expect(page.get_by_role("alert")).to_contain_text("Disconnected since")
        expect(page.get_by_role("status").first).to_have_text("Disconnected")
    finally:
        daemon.start()
    daemon.spawn("writer-again", "writer")
    daemon.done("writer-again", text="after the start")
    live(page)
    expect(_rows(page).filter(has_text="after the start is what").last).to_be_visible()
    expect(page.get_by_text("Disconnected since")).to_have_count(0)
    seen = page.evaluate(SEEN)
    assert seen["missed"] == 0
    assert seen["seqs"][: len(before)] == before
    assert seen["seqs"] == list(range(seen["seqs"][0], seen["seqs"][-1] + 1))


def test_a_token_is_typed_in_and_its_end_signs_out(browsing, daemon):
    tokens = TokenFile(daemon.folder)
    secret = tokens.create("walker", "operator")
    page = browsing.page()
    page.watch.forgive("401", "ERR_")
    page.goto(daemon.url)
    page.get_by_label("Or a token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    live(page)
    assert secret not in page.content()
    assert page.evaluate("JSON.stringify(localStorage)").count(secret) == 0
    tokens.revoke("walker")
    expect(page.get_by_role("alert")).to_contain_text("Your session ended")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_session_that_expires_in_the_middle_says_so(browsing, daemon):
    page = browsing.page()
    page.watch.forgive("401", "ERR_")
    page.goto(daemon.url)
    page.get_by_label("Or a token").wait_for()
    secret = TokenFile(daemon.folder).create("brief", "viewer", 3.0)  # once the page is there
    page.get_by_label("Or a token").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    live(page)
    expect(page.get_by_role("alert")).to_contain_text("Your session ended")


def test_a_wrong_token_is_told_and_nothing_is_shown(browsing, daemon):
    page = browsing.page()
    page.watch.forgive("401")
    page.goto(daemon.url)
    page.get_by_label("Or a token").fill("rtn_nothing")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign in again")
    expect(page.locator("header.top")).to_have_count(0)


def test_two_tabs_show_the_same_and_what_is_done_in_one(browsing, daemon):
    one, other = browsing.console(at="runs"), browsing.console("operator", at="runs")
    daemon.spawn("second", "patient")
    task = daemon.running("second")
    for page in (one, other):
        expect(page.get_by_role("row").filter(has_text=task.run)).to_contain_text("running")
    one.get_by_role("button", name=f"Cancel {task.run}").click()
    one.get_by_role("button", name="Cancel the run").click()
    expect(other.get_by_role("row").filter(has_text=task.run)).to_contain_text("cancelled")
    assert daemon.client.get(f"/v1/tasks/{task.id}", TaskView).state == "cancelled"


@pytest.fixture(scope="module")
def viewers(chromium, daemon):
    """One page for all that a viewer looks at."""
    browsing = Browsing(chromium, daemon)
    yield browsing.console("viewer")
    assert browsing.close() == []


@pytest.mark.parametrize(
    ("at", "title"),
    [
        ("now", "Now"),
        ("runs", "Runs"),
        ("agents", "Agents"),
        ("plugins", "Plugins"),
        ("approvals", "Approvals"),
        ("dead", "Dead letters"),
        ("system", "System"),
    ],
)
def test_a_viewer_can_press_no_button_that_changes_something(viewers, browsing, at, title):
    browsing.go(viewers, at)
    expect(_heading(viewers)).to_have_text(title)
    live(viewers)
    viewers.wait_for_function("() => !document.querySelector('main .pending')")
    for button in viewers.locator("main button.primary, main button.danger").all():
        expect(button).to_be_disabled()
