"""A real daemon and a real Chromium, for tests of the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .browsers import Browsing, executable, launched
from .daemons import Daemon


@pytest.fixture(scope="module")
def chromium(missing) -> Iterator[Any]:
    """A headless Chromium that a file's tests share.

    Playwright has an event loop run in this thread for as long as it is there: no test of another
    file could run its own.
    """
    path = executable()
    if path is None:
        missing("Chromium", "`apt-get install chromium`, or another that calls itself chromium")
    pytest.importorskip("playwright", reason="playwright is not here: scripts/setup-env")
    with launched(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[Daemon]:
    """A daemon that a file's tests share: ``daemon.submit("writer", text="tea")`` and so on."""
    made = Daemon(tmp_path_factory.mktemp("console") / "state")
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def browsing(chromium, daemon) -> Iterator[Browsing]:
    """``browsing.console(role, at="runs", width=360, theme="dark")`` opens a console, signed in.

    A test fails on what goes wrong in its pages: an error, a warning, a request to another origin,
    a violation of the content security policy. ``page.watch.forgive("a pattern")`` for what must be.
    """
    made = Browsing(chromium, daemon)
    try:
        yield made
    finally:
        troubles = made.close()
    assert troubles == []


@pytest.fixture(scope="module")
def shared(chromium, daemon) -> Iterator[Any]:
    """One page for all tests of a file: it loads slower than it is used."""
    browsing = Browsing(chromium, daemon)
    yield browsing.console()
    assert browsing.close() == []


@pytest.fixture
def console(shared, browsing) -> Any:
    """The page that a file's tests share, as an admin who was elsewhere, at Runs."""
    browsing.go(shared, "runs")
    shared.get_by_role("heading", level=1, name="Runs").wait_for()
    return shared


@pytest.fixture
def page(browsing) -> Any:
    """A page of a test's own, an admin's, that follows the kernel."""
    return browsing.console()
