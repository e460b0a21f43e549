"""Pages of a real Chromium that are watched: what goes wrong in one fails its test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""What Chromium is called in a PATH."""
TIMEOUT = 10_000.0
"""ms that Playwright waits for anything."""


def executable() -> str | None:
    """Where Chromium is, if it is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched(path: str) -> Iterator[Any]:
    """A headless Chromium on a profile of its own, gone afterwards."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=TIMEOUT)
    # no sandbox: Chromium refuses to start as root with it, and it sees this console alone
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What went wrong in a page: its errors, and its requests to elsewhere."""

    def __init__(self, page: Any, own: str) -> None:
        """``own`` is the only origin that the page may ask."""
        self._own = own
        self.seen: list[str] = []
        self._forgiven: list[str] = []
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.seen.append(f"error in the page: {error}"))
        page.on("request", self._asked)
        page.add_init_script(_TELL_VIOLATIONS)

    def forgive(self, *patterns: str) -> None:
        """What may be there in this test: regular expressions."""
        self._forgiven += patterns

    def troubles(self) -> list[str]:
        """What went wrong and is not forgiven."""
        return [
            told for told in self.seen if not any(re.search(one, told) for one in self._forgiven)
        ]

    def _told(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            at = message.location.get("url", "")
            self.seen.append(f"{message.type} in the console: {message.text} ({at})")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self._own}/", "data:", "blob:")):
            self.seen.append(f"a request to elsewhere: {request.url}")


_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""


class Browsing:
    """Opens consoles; made anew for each test, and closes what it opened."""

    def __init__(self, browser: Any, daemon: Any) -> None:
        """All of its pages are ``daemon``'s."""
        self._browser = browser
        self._daemon = daemon
        self._opened: list[tuple[Any, Watch]] = []

    def page(
        self, *, width: int = 1440, height: int = 900, theme: str = "light", **context: Any
    ) -> Any:
        """An empty page in a context of its own, watched; its ``watch`` says what is forgiven."""
        made = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
            base_url=self._daemon.url,
            **context,
        )
        made.set_default_timeout(TIMEOUT)
        page = made.new_page()
        page.watch = self.watch(page)
        return page

    def watch(self, page: Any) -> Watch:
        """Watch one more page, such as a second tab."""
        watch = Watch(page, self._daemon.url)
        self._opened.append((page, watch))
        return watch

    def console(self, role: str = "admin", at: str = "now", **page: Any) -> Any:
        """A page signed in with a ticket, at the address ``#/AT``, once it follows the kernel."""
        opened = self.page(**page)
        opened.goto(self._daemon.address(role))
        opened.locator("header.top").wait_for()
        if at != "now":
            self.go(opened, at)
        live(opened)
        return opened

    def go(self, page: Any, at: str) -> None:
        """Show another place of the console, without loading it again."""
        page.evaluate("at => { location.hash = '#/' + at; }", at)

    def close(self) -> list[str]:
        """Close all; what went wrong in them."""
        troubles = [trouble for _, watch in self._opened for trouble in watch.troubles()]
        for page, _ in self._opened:
            page.context.close()
        return troubles


def live(page: Any) -> None:
    """Wait until a console follows the kernel."""
    page.locator("header.top .connection.live").wait_for()
