"""The web console in a real Chromium, on a real daemon that commits 1,000 events a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from statistics import median
from typing import Any

from retinue.bus.views import TaskView
from retinue.kernel.client import Client

HERE = Path(__file__).resolve().parent
RATE = 1_000  # events a second
SPELL = 5.0  # seconds of each task that tells them
SECONDS = float(os.environ.get("BENCH_SECONDS", "600"))
FRAME = 100.0  # ms
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_BARE = "<!doctype html><title>bare</title><p>nothing</p>"
_WATCH = """() => {
  const told = (window.told = { frames: [], tasks: [], on: true });
  let last = performance.now();
  const frame = (now) => {
    told.frames.push(now - last);
    last = now;
    if (told.on) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  told.observer = new PerformanceObserver((list) => {
    told.tasks.push(...list.getEntries().map((one) => one.duration));
  });
  told.observer.observe({ type: "longtask" });
}"""
_WATCHED = """() => {
  window.told.on = false;
  window.told.observer.disconnect();
  return { frames: window.told.frames, tasks: window.told.tasks };
}"""
_COUNT = """async () => {
  const live = await import("/pages/console/lib/live.js");
  const count = (window.count = { events: 0, first: performance.now() });
  live.subscribe((items) => {
    count.events += items.filter((item) => !item.gap).length;
    count.last = performance.now();
  });
}"""
_COUNTED = """async () => {
  const live = await import("/pages/console/lib/live.js");
  return { ...window.count, missed: live.missed.value };
}"""
_PAINTS = """() => ({
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  shown: window.shown,
  weight: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter((one) => !new URL(one.name).pathname.startsWith("/v1/"))
    .reduce((sum, one) => sum + one.encodedBodySize, 0),
})"""
_SHOWN = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("header.top")) return;
  requestAnimationFrame(() => { window.shown ??= performance.now(); });
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


def run(report: Any) -> None:
    """Every figure of the console; ``report`` is a ``report.Report``."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(which, _NAMES)), None)
    if found is None:
        report.progress("Chromium is not here, and nothing is measured: apt-get install chromium")
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        _daemon(Path(folder) / "state") as daemon,
        sync_playwright() as playwright,
    ):
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        try:
            _openings(report, browser, daemon)
            _streams(report, browser, daemon)
        finally:
            browser.close()


def _openings(report: Any, browser: Any, daemon: _Daemon) -> None:
    """A browser that has nothing of it yet: what is painted when, and what was sent for it."""
    report.progress("first paint")
    opened, bare = [], []
    for _ in range(1 if report.quick else 10):
        with _page(browser) as page:
            page.route("http://bare.invalid/", lambda route: route.fulfill(body=_BARE))
            page.goto("http://bare.invalid/")
            bare.append(_painted(page)["paint"])
        with _page(browser) as page:
            page.add_init_script(_SHOWN)
            page.goto(daemon.address())
            page.wait_for_function("() => window.shown")
            opened.append(_painted(page))
    paint, empty = median(one["paint"] for one in opened), median(bare)
    report.at_most("first paint on loopback", paint, 500, "ms")
    report.note("first paint of a page that is one line", empty, "ms")
    report.note(
        "until the console is shown, signed in", median(one["shown"] for one in opened), "ms"
    )
    report.at_most("what is sent for it, compressed", opened[0]["weight"] / 1_000, 150, "kB")


def _painted(page: Any) -> Any:
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    return page.evaluate(_PAINTS)


def _streams(report: Any, browser: Any, daemon: _Daemon) -> None:
    """1,000 events a second, to a page that shows them and to one that does nothing."""
    seconds, warm = (2.0, 1.0) if report.quick else (SECONDS, 20.0)
    report.progress("1,000 events a second, to a page that does nothing")
    with _page(browser) as page, daemon.telling(min(seconds, 30.0)):
        page.set_content(_BARE)
        bare = _frames(page, min(seconds, 30.0))
    with _page(browser) as page:
        page.goto(daemon.address())
        page.locator("header.top .connection.live").wait_for()
        meter = _Meter(page)
        report.progress("1,000 events a second, to the console: until it holds all that it keeps")
        with daemon.telling(warm):
            page.wait_for_timeout(warm * 1_000)
        before, busy = meter.heap(), meter.busy()
        report.progress(f"1,000 events a second, to the console, for {seconds:g} s")
        page.evaluate(_COUNT)
        with daemon.telling(seconds):
            shown = _frames(page, seconds)
        busy = meter.busy() - busy
        told = page.evaluate(_COUNTED)
        after = meter.heap()
    rate = told["events"] / max(1e-9, (told["last"] - told["first"]) / 1_000)
    report.note("events a second that reached the page", round(rate), "")
    report.at_most("events that did not", told["missed"], 0, "")
    over = sum(1 for one in shown["frames"] if one > FRAME)
    report.at_most(f"frames over 100 ms, of {len(shown['frames']):,}", over, 0, "")
    still = sum(1 for one in bare["frames"] if one > FRAME)
    report.note(f"the same of a page that does nothing, of {len(bare['frames']):,}", still, "")
    report.note("longest frame", max(shown["frames"]), "ms")
    report.note("longest frame of a page that does nothing", max(bare["frames"]), "ms")
    report.note("longest task of the page", max(shown["tasks"], default=0.0), "ms")
    report.note("the page's thread is busy", 100 * busy / seconds, "% of a core")
    report.note("memory of the page", after / 1e6, "MB")
    # one that kept its events would grow by 100 MB and more in ten minutes
    report.at_most("memory grows by", max(0.0, after - before) / 1e6, 2, "MB")


def _frames(page: Any, seconds: float) -> Any:
    page.evaluate(_WATCH)
    page.wait_for_timeout(seconds * 1_000)
    return page.evaluate(_WATCHED)


class _Meter:
    """What a page takes: memory, and processor time of its own thread."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def heap(self) -> float:
        """Bytes that are in use once what is not needed was let go."""
        self._session.send("HeapProfiler.collectGarbage")
        return self._metric("JSHeapUsedSize")

    def busy(self) -> float:
        """Seconds so far."""
        return self._metric("TaskDuration")

    def _metric(self, name: str) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == name))


@contextmanager
def _page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


class _Daemon:
    """A daemon with an agent that tells events."""

    def __init__(self, folder: Path, url: str) -> None:
        self.client = Client(folder / "retinue.sock", timeout=60.0)
        self._url = url
        agent = f"{HERE}/references/ticker.py:ticker"
        self.client.post("/v1/agents", dict, {"name": "ticker", "agent": agent})

    def address(self) -> str:
        ticket = self.client.post("/v1/tickets", dict, {"path": "/v1/sessions"})["ticket"]
        return f"{self._url}/#ticket={ticket}"

    @contextmanager
    def telling(self, seconds: float) -> Iterator[None]:
        """So many events a second, for so long; several tasks, as no agent goes on for ever."""
        spells = [SPELL] * int(seconds / SPELL) + ([seconds % SPELL] if seconds % SPELL else [])
        work = threading.Thread(target=lambda: [self._spell(one) for one in spells])
        work.start()
        try:
            yield
        finally:
            work.join()

    def _spell(self, seconds: float) -> None:
        body = {"agent": "ticker", "input": {"rate": RATE, "seconds": seconds}}
        self.client.post("/v1/tasks", TaskView, body, {"wait": seconds + 30}, wait=seconds + 30)


@contextmanager
def _daemon(folder: Path) -> Iterator[_Daemon]:
    command = [str(Path(sys.executable).with_name("retinue")), "run", "--json", "--redis", "none"]
    arguments = ["--state-dir", str(folder), "--listen", "127.0.0.1:0", "--log-level", "error"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101  it is a pipe
            said = json.loads(process.stdout.readline())
            yield _Daemon(folder, f"http://{said['listen']}")
        finally:
            process.terminate()
