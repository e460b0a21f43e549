"""The page of the system: the kernel at a glance, its figures, and what can be changed there."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PLOTS = (
    "Events a second",
    "Tasks ended a second",
    "Tasks failed a second",
    "Messages in mailboxes",
    "Memory",
)


@pytest.fixture(scope="module", autouse=True)
def _work(daemon):
    """Some events, and a failure."""
    daemon.done("editor", text="tea")
    daemon.done("broken")


def _card(page, name):
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.locator("section.card").filter(has=heading)


def test_the_kernel_is_told_at_a_glance(console, browsing, daemon):
    browsing.go(console, "system")
    status = daemon.client.get("/v1/status", dict)
    expect(_card(console, "Kernel")).to_contain_text(str(status["pid"]))
    expect(_card(console, "Kernel")).to_contain_text(status["version"])
    expect(_card(console, "Tasks")).to_contain_text("succeeded")
    expect(_card(console, "Redis")).to_contain_text("off")
    expect(_card(console, "Journal")).to_contain_text("without a bound")
    expect(_card(console, "Process")).to_contain_text("MB")
    expect(_card(console, "Policy")).to_contain_text(
        "payments-are-asked-for asks operator, for 10 min"
    )
    row = console.get_by_role("row").filter(has_text="scheduler")
    expect(row).to_have_count(1)


def test_the_doctor_tells_an_admin_what_the_command_tells(console, browsing):
    browsing.go(console, "system")
    doctor = console.get_by_role("region", name="Doctor")
    expect(doctor.get_by_role("listitem").filter(has_text="python")).to_contain_text("ok")
    expect(doctor).to_contain_text("a filter of system calls")


def test_the_scheduler_is_paused_changed_and_resumed(console, browsing, daemon):
    browsing.go(console, "system")
    console.get_by_role("button", name="Pause").click()
    expect(console.get_by_text("The Scheduler is paused: no task is started.")).to_be_visible()
    assert daemon.client.get("/v1/scheduler", dict)["paused"] is True
    console.get_by_role("button", name="Resume").click()
    expect(console.get_by_role("button", name="Pause")).to_be_visible()
    console.get_by_label("Run at once").fill("7")
    console.get_by_label("Who is next").select_option("fifo")
    console.get_by_role("button", name="Change", exact=True).click()
    expect(console.get_by_role("log", name="Notices")).to_contain_text("decides anew")
    told = daemon.client.get("/v1/scheduler", dict)
    assert (told["policy"], told["max_running"], told["paused"]) == ("fifo", 7, False)


def test_a_viewer_changes_nothing_and_is_told_no_paths(browsing):
    page = browsing.console("viewer", at="system")
    expect(_card(page, "Kernel")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    expect(page.get_by_label("Run at once")).to_be_disabled()
    assert page.get_by_role("region", name="Doctor").count() == 0


def test_figures_are_plotted_and_told_in_words(console, browsing, daemon):
    browsing.go(console, "system")
    for name in PLOTS:
        figure = console.get_by_role("figure", name=name)
        expect(figure.locator("canvas")).to_have_count(1)
        expect(figure).to_contain_text("at most")
    figure = console.get_by_role("figure", name="Tasks failed a second")
    expect(figure).to_contain_text("at most 1")
    figure.get_by_text("By the minute").click()
    expect(figure.get_by_role("row")).to_have_count(11)


def test_plots_take_the_colours_and_the_width_that_the_page_has(browsing):
    page = browsing.console(at="system")
    canvas = page.get_by_role("figure", name="Events a second").locator("canvas")
    expect(canvas).to_have_count(1)
    light = canvas.evaluate("canvas => canvas.toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "light => document.querySelector('.plot canvas')?.toDataURL() !== light", arg=light
    )
    page.set_viewport_size({"width": 360, "height": 700})
    page.wait_for_function("() => document.querySelector('.plot canvas').clientWidth < 360")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_ten_minutes_are_kept_by_the_second_and_nothing_older(console):
    seen = console.evaluate("""async () => {
      const { Series, summary } = await import("/pages/console/lib/series.js");
      const series = new Series();
      series.add(1000, 2);
      const begun = series.read(999, 1001);
      series.add(1600, 5);
      series.add(1000);
      const later = series.read(1001, 1600);
      return { begun, later: [later.length, later[0], later.at(-1)], told: summary([null, 1, 3]) };
    }""")
    assert seen["begun"] == [None, 2, 0]
    assert seen["later"] == [600, 0, 5]
    assert seen["told"] == {"now": 3, "most": 3, "mean": 2}
