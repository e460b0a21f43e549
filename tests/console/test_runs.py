"""The pages Runs and Run."""

from __future__ import annotations

import re
from itertools import islice

import pytest
from playwright.sync_api import expect


@pytest.fixture
def visit(shared):
    """``visit("runs?state=failed")``: the page there, as if it was just opened."""

    def go(at):
        for place in ("now", at):
            shared.evaluate("at => { location.hash = '#/' + at; }", place)
            title = {"now": "Now", "runs": "Runs"}.get(place.partition("?")[0], "Run r-")
            expect(heading(shared)).to_have_text(re.compile(f"^{title}"))
        return shared

    return go


def heading(page):
    """The page's first heading."""
    return page.get_by_role("heading", level=1)


def opened(visit, task, view="tree"):
    """The page of a task's run."""
    return visit(f"runs/{task.run}?view={view}")


def rows(page):
    """The rows of the tree, the timeline or the trace."""
    return page.get_by_role("treegrid").get_by_role("row")


def nth(daemon, run, number):
    """An event of a run, counted from 1."""
    events = daemon.client.events({"from": "start", "run": run})
    return next(islice(events, number - 1, None))


def test_runs_are_listed_as_they_come_and_narrowed_by_state(visit, daemon):
    page = visit("runs")
    task = daemon.done("broken")
    row = page.get_by_role("row").filter(has_text=task.run)
    expect(row).to_contain_text("failed")
    page.get_by_label("State").select_option("succeeded")
    expect(row).to_have_count(0)
    page.get_by_label("State").select_option("failed")
    page.get_by_label("Agent").select_option("broken")
    expect(row).to_be_visible()
    expect(page).to_have_url(re.compile("state=failed&agent=broken"))


def test_the_list_is_walked_and_a_run_opened_by_keys(visit, daemon):
    first, second = daemon.done("writer", text="a"), daemon.done("writer", text="b")
    page = visit("runs")
    expect(page.get_by_role("row").nth(1)).to_contain_text(second.run)
    for key in "jjkj":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text(f"Run {first.run}")


def test_older_runs_are_a_page_further(visit, daemon):
    for number in range(51):
        task = daemon.submit("talker", thoughts=number % 2)
    page = visit("runs?agent=talker")
    expect(page.get_by_role("row").nth(1)).to_contain_text(task.run)
    expect(page.get_by_role("row")).to_have_count(51)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="Newest").click()
    expect(page.get_by_role("row")).to_have_count(51)


def test_a_run_is_cancelled_from_the_list_with_a_reason(visit, daemon):
    task = daemon.running("patient")
    page = visit("runs")
    page.get_by_role("button", name=f"Cancel {task.run}").click()
    page.get_by_label("Reason").fill("tea time")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_role("row").filter(has_text=task.run)).to_contain_text("cancelled")
    page.get_by_role("link", name=task.run).click()
    expect(page.locator(".run-head .notice")).to_have_text("tea time")


def test_a_tree_shows_who_asked_whom_and_what_each_called(visit, daemon):
    page = opened(visit, daemon.done("editor", text="tea", n=2))
    expect(rows(page)).to_have_count(7)
    for index, (level, name) in enumerate(
        [("1", "editor"), ("2", "writer"), ("3", "clock.now"), ("3", "clock.sleep")]
    ):
        expect(rows(page).nth(index)).to_have_attribute("aria-level", level)
        expect(rows(page).nth(index)).to_contain_text(name)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("h")
    expect(rows(page)).to_have_count(5)
    page.get_by_role("treegrid").focus()
    page.keyboard.press("ArrowRight")
    expect(rows(page)).to_have_count(7)
    page.keyboard.press("ArrowLeft")
    expect(rows(page)).to_have_count(5)
    page.keyboard.press("Enter")
    expect(page.locator(".detail")).to_contain_text('"text": "tea 0"')


def test_a_run_that_goes_on_is_followed_and_says_what_it_waits_for(visit, daemon):
    task = daemon.running("patient", seconds=3600)
    page = opened(visit, task)
    expect(rows(page).first).to_contain_text("waits for its own code")
    expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("w")
    expect(page.locator(".why .answer")).to_contain_text("waits for")
    page.keyboard.press("c")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".standing")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="End", exact=True)).to_be_visible()
    expect(rows(page).first).to_contain_text("asked for by an operator")


def test_a_timeline_has_a_bar_for_each_step_dashed_while_it_waits(visit, daemon):
    page = opened(visit, daemon.done("editor", text="tea", n=1), "timeline")
    bars = rows(page).locator(".bar")
    expect(bars).to_have_count(6)
    expect(bars.first).to_have_css("border-top-style", "dashed")
    expect(rows(page).nth(2).locator(".bar")).to_have_class(re.compile("done good"))
    expect(rows(page).nth(1)).to_contain_text(re.compile(r"waits, attempt 1: .*attempt 1: "))


def test_a_failed_run_shows_its_error_and_is_tried_again(visit, daemon):
    task = daemon.done("broken")
    page = opened(visit, task)
    expect(page.locator(".run-head .notice")).to_contain_text("ValueError: the paper is torn")
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Run it again").click()
    expect(heading(page)).not_to_have_text(f"Run {task.run}")
    expect(page.locator(".run-head .notice")).to_contain_text("the paper is torn")


def test_a_run_is_forked_at_the_moment_that_is_shown_with_another_input(visit, daemon):
    task = daemon.done("writer", text="tea")
    page = opened(visit, task)
    slider = page.get_by_role("slider", name="Moment of the run")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("run.succeeded"))
    page.keyboard.press("0")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("before the first"))
    for _ in range(5):
        page.keyboard.press(".")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"event 5 of \d+"))
    page.keyboard.press("f")
    dialog = page.get_by_role("dialog")
    seq = dialog.get_by_label("After event").input_value()
    dialog.get_by_label("with another input").check()
    dialog.get_by_label("text").fill("coffee")
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(page.locator(".run-head .result")).to_contain_text("coffee: ")
    expect(page.locator(".standing")).to_contain_text(f"goes on from {task.run} at {seq}")


def test_a_run_is_stepped_through_and_each_view_shows_that_moment(visit, daemon):
    task = daemon.done("editor", text="tea", n=1)
    page = opened(visit, task)
    expect(rows(page)).to_have_count(4)
    slider = page.get_by_role("slider", name="Moment of the run")
    page.keyboard.press("0")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("before the first"))
    for _ in range(6):
        page.keyboard.press(".")
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(r"event 6 of \d+: task.submitted")
    )
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("waits for writer")
    expect(page.locator(".standing")).to_contain_text("as it was then")
    expect(page).to_have_url(re.compile(rf"at={nth(daemon, task.run, 6).seq}\b"))
    page.keyboard.press("4")
    expect(rows(page)).to_have_count(6)
    page.reload()
    expect(rows(page)).to_have_count(6)
    page.keyboard.press("e")
    expect(rows(page).last).to_contain_text("run.succeeded")
    expect(page).not_to_have_url(re.compile("at="))


def test_a_run_is_played_from_its_beginning_to_its_end(visit, daemon):
    page = opened(visit, daemon.done("writer", text="tea", pause=1.5), "timeline")
    page.get_by_label("Speed").select_option("0.5")
    page.keyboard.press("]")
    expect(page.get_by_label("Speed")).to_have_value("1")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".timeline .cursor")).to_be_visible()
    expect(rows(page).filter(has_text="clock.sleep").locator(".bar")).to_have_class(
        re.compile("open")
    )
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.locator(".standing")).to_contain_text("succeeded")
    expect(page.locator(".timeline .cursor")).to_have_count(0)


def test_the_slider_takes_keys_of_its_own(visit, daemon):
    page = opened(visit, daemon.done("writer", text="tea"))
    slider = page.get_by_role("slider", name="Moment of the run")
    slider.focus()
    last = int(slider.input_value())
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_value(str(last - 1))
    page.keyboard.press("Home")
    expect(slider).to_have_value("0")


def test_a_run_that_is_not_there_says_so(visit):
    page = visit("runs/r-none-1")
    page.watch.forgive("404")
    expect(page.get_by_role("alert")).to_contain_text("r-none-1")


def test_an_address_names_the_moment_and_another_view_keeps_it(visit, daemon):
    task = daemon.done("editor", text="tea", n=1)
    page = opened(visit, task)
    slider = page.get_by_role("slider", name="Moment of the run")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("run.succeeded"))
    last = int(slider.input_value())
    page.keyboard.press("0")
    page.keyboard.press(".")
    page.get_by_role("link", name="Events").click()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"at=\d+"))
    page.evaluate("location.hash = location.hash.replace(/[?&]at=[0-9]+/, '')")
    expect(page.get_by_role("slider")).to_have_value(str(last))


def test_a_run_is_followed_on_through_a_restart_of_the_daemon(visit, daemon):
    task = daemon.running("patient")
    page = opened(visit, task, "events")
    page.watch.forgive("ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "503")
    page.keyboard.press("G")
    expect(rows(page).last).to_contain_text("tool.returned")
    daemon.restart()
    page.get_by_label("Type").fill("agent.thought")
    expect(rows(page)).to_have_count(2)
    daemon.client.post(f"/v1/runs/{task.run}/cancel", dict, {"reason": "enough"})
    expect(page.locator(".standing")).to_contain_text("cancelled")
