"""The pages of agents."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from retinue.bus.views import AgentView

HERE = __file__.rpartition("/")[0]


def test_an_agent_at_work_shows_its_step_and_leads_to_its_run(console, browsing, daemon):
    task = daemon.running("patient")
    browsing.go(console, "agents")
    card = _card(console, "patient")
    expect(card.get_by_text("running", exact=True)).to_be_visible()
    expect(card).to_contain_text("for ")
    card.get_by_role("link", name=task.run).click()
    console.wait_for_url(f"**/#/runs/{task.run}")
    daemon.client.post(f"/v1/tasks/{task.id}/cancel", dict)
    browsing.go(console, "agents")
    expect(_card(console, "patient").get_by_text("idle", exact=True)).to_be_visible()


def test_what_agents_end_is_counted_while_it_happens(console, browsing, daemon):
    browsing.go(console, "agents")
    expect(_card(console, "broken")).to_contain_text("0 done")
    for _ in range(3):
        daemon.done("broken")
    expect(_card(console, "broken")).to_contain_text("3 failed")
    expect(_card(console, "broken")).to_contain_text("3 a minute")


def test_tasks_that_wait_are_counted(console, browsing, daemon):
    running = daemon.running("patient")
    waiting = [daemon.submit("patient") for _ in range(2)]
    browsing.go(console, "agents")
    expect(_card(console, "patient")).to_contain_text("2 tasks")
    for task in (*waiting, running):
        daemon.client.post(f"/v1/tasks/{task.id}/cancel", dict)
    expect(_card(console, "patient")).not_to_contain_text("2 tasks")


def test_an_agent_is_spawned_given_work_and_stopped(console, browsing, daemon):
    browsing.go(console, "agents")
    expect(console.get_by_role("button", name="Spawn an agent")).to_be_enabled()
    console.keyboard.press("n")
    dialog = console.get_by_role("dialog", name="Spawn an agent")
    expect(dialog.get_by_label("name")).to_be_focused()
    dialog.get_by_label("name").fill("second")
    dialog.get_by_label("agent").fill(f"{HERE}/agents.py:writer")
    dialog.get_by_label("isolation").select_option("thread")
    dialog.get_by_role("button", name="to tools").click()
    dialog.get_by_role("textbox", name="tools 1").fill("clock.*")
    dialog.get_by_role("button", name="Spawn").click()
    expect(console.get_by_role("heading", name="second")).to_be_visible()
    view = daemon.client.get("/v1/agents/second", AgentView)
    assert (view.isolation, view.tools) == ("thread", ("clock.now", "clock.sleep"))
    console.get_by_label("text").fill("tea")
    console.get_by_label("text").press("Control+Enter")
    console.wait_for_url("**/#/runs/*")
    browsing.go(console, "agents/second")
    recent = console.get_by_role("table", name="What it did last")
    expect(recent.get_by_text("succeeded")).to_be_visible()
    console.get_by_role("button", name="Stop").click()
    asked = console.get_by_role("dialog", name="Stop second?")
    asked.get_by_label("Reason").fill("no more tea")
    asked.get_by_role("button", name="Stop it").click()
    console.wait_for_url("**/#/agents")
    expect(_card(console, "writer")).to_be_visible()
    expect(_card(console, "second")).to_have_count(0)


def test_an_agent_that_cannot_be_imported_leaves_the_form_as_it_was(console, browsing):
    console.watch.forgive("400")
    browsing.go(console, "agents?do=spawn")
    dialog = console.get_by_role("dialog")
    dialog.get_by_label("name").fill("nobody")
    dialog.get_by_label("agent").fill(f"{HERE}/agents.py:nothing")
    dialog.get_by_role("button", name="Spawn").click()
    expect(dialog.get_by_role("alert")).to_contain_text("nothing")
    expect(dialog.get_by_label("name")).to_have_value("nobody")
    console.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert console.url.endswith("#/agents")


def test_an_agent_that_is_not_there_is_told(console, browsing):
    console.watch.forgive("404")
    browsing.go(console, "agents/nobody")
    expect(console.get_by_role("alert")).to_contain_text("no agent is named 'nobody'")


def test_the_keyboard_goes_from_agent_to_agent(console, browsing):
    browsing.go(console, "agents")
    links = console.locator(".agent-card h2 a")
    expect(links.first).to_be_visible()
    console.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    console.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    console.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    name = links.nth(0).text_content()
    console.keyboard.press("Enter")
    expect(console.get_by_role("heading", name="Give it work")).to_be_visible()
    assert console.url.endswith(f"#/agents/{name}")


def test_a_viewer_sees_agents_and_may_change_nothing(browsing):
    page = browsing.console("viewer", at="agents")
    expect(_card(page, "writer")).to_be_visible()
    expect(page.get_by_role("button", name="Spawn an agent")).to_be_disabled()
    expect(_card(page, "writer").get_by_role("button", name="Stop")).to_be_disabled()
    browsing.go(page, "agents/writer")
    expect(page.get_by_role("button", name="Submit")).to_be_disabled()
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()


@pytest.mark.parametrize("width", [1440, 360])
def test_no_page_of_agents_is_wider_than_the_window(browsing, daemon, width):
    page = browsing.console(width=width)
    for at in ("agents", "agents/writer", "agents?do=spawn"):
        browsing.go(page, at)
        page.locator(".card").first.wait_for()
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) == 0, at


def _card(page: Any, name: str) -> Any:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
