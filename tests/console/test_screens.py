"""Every page, narrow and wide, light and dark: what axe-core finds, and what goes over the edge.

With ``RETINUE_SHOTS=FOLDER`` each width in each theme, and a picture of each is left there.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

SHOTS = os.environ.get("RETINUE_SHOTS", "")
LOOKS = [(360, "light"), (1440, "dark")]
if SHOTS:
    LOOKS += [(360, "dark"), (1440, "light")]
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOUND = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
FOCUS = """() => {
  const at = document.activeElement;
  const box = at.getBoundingClientRect();
  return {
    name: at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent || at.title,
    what: at.outerHTML.slice(0, 200), shown: box.width > 0 && box.height > 0,
    outlined: getComputedStyle(at).outlineStyle !== "none",
    after: at.compareDocumentPosition(window.before ?? at) & Node.DOCUMENT_POSITION_FOLLOWING,
    body: Boolean(window.before = at) && at === document.body,
  };
}"""


@pytest.fixture(scope="module")
def places(daemon):
    """Where something is to be seen on every page: its name, and its address."""
    run = daemon.done("editor", text="tea").run
    dead = daemon.done("broken").id
    daemon.asking(40)
    daemon.running("patient")
    return {
        "now": "now",
        "now-open": "now?text=tea",
        "runs": "runs",
        **{f"run-{view}": f"runs/{run}?view={view}" for view in ("tree", "timeline", "trace")},
        "run-events": f"runs/{run}?view=events&why=1",
        "agents": "agents",
        "agent": "agents/writer",
        "spawn": "agents?do=spawn",
        "plugins": "plugins",
        "plugin": "plugins/files?tool=files.search",
        "load": "plugins?do=load&from=paste",
        "approvals": "approvals",
        "dead": "dead",
        "letter": f"dead/{dead}",
        "system": "system",
    }


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_no_page_has_a_barrier_or_goes_over_the_edge(browsing, places, width, theme):
    page = browsing.console(width=width, theme=theme)
    found = {}
    for name, at in places.items():
        _shown(page, browsing, at)
        if SHOTS:
            page.screenshot(path=Path(SHOTS, f"{name}-{width}-{theme}.png"), full_page=True)
        told = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in _violations(page)]
        if page.evaluate(WIDE):
            told.append(f"{page.evaluate(WIDE)} px too wide")
        if told:
            found[name] = told
    assert found == {}


def test_what_is_shown_before_anybody_signed_in_has_no_barrier(browsing):
    for theme in ("light", "dark"):
        page = browsing.page(width=360, theme=theme)
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Retinue")
        assert _violations(page) == []
        assert page.evaluate(WIDE) == 0


def test_each_page_has_one_first_heading_and_skips_no_level(console, browsing, places):
    for name, at in places.items():
        _shown(console, browsing, at)
        levels = console.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => Number(one.tagName[1]))"
        )
        assert levels.count(1) == 1, name
        jumps = [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1]
        assert jumps == [], name


@pytest.mark.parametrize("at", ["now", "agents", "approvals", "dead", "system"])
def test_the_tab_key_goes_through_a_page_in_its_order_and_shows_where_it_is(
    console, browsing, places, at
):
    _shown(console, browsing, places[at])
    console.reload()
    expect(console.get_by_role("heading", level=1)).to_be_visible()
    console.keyboard.press("Tab")
    expect(console.get_by_role("link", name="Skip to the page")).to_be_focused()
    for _ in range(30):
        told = console.evaluate(FOCUS)
        if told["body"]:
            break
        assert told["name"].strip(), told
        assert told["shown"], told
        assert told["outlined"], told
        assert not told["after"], told
        console.keyboard.press("Tab")


def _shown(page, browsing, at):
    browsing.go(page, at)
    page.wait_for_function(
        "at => location.hash === '#/' + at && !document.querySelector('main .pending')", arg=at
    )
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def _violations(page):
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(FOUND)
