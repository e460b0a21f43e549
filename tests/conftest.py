"""What every area's tests share: a wait with a bound, and skips that CI does not forgive."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from threading import Event
from typing import Any, TypeVar

import pytest
from hypothesis import settings

# Nothing is asserted on wall time: hypothesis' own deadline would, 200 ms an example.
settings.register_profile("retinue", deadline=None)
settings.load_profile("retinue")

_POLL = 0.002
_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """``wait_until(condition, timeout=10.0)``: returns once it holds, fails when it never does."""
    return _wait_until


@pytest.fixture(scope="session")
def missing() -> Callable[[str, str], None]:
    """``missing(what, remedy)``: a skip at home that says what to install, a failure in CI."""

    def skip(what: str, remedy: str) -> None:
        pytest.skip(f"{what} is not here: {remedy}")

    return skip


def _wait_until(condition: Callable[[], Any], timeout: float = 10.0) -> None:
    never = Event()
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{condition!r} did not hold within {timeout} s")
        never.wait(_POLL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI a skipped test is a failed one."""
    return _unforgiving((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under CI a skipped file (``importorskip``) is a failed one."""
    return _unforgiving((yield))


def _unforgiving(report: _Report) -> _Report:
    if os.environ.get("CI") != "true" or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    report.outcome = "failed"
    report.longrepr = f"skipped, and under CI=true nothing may be missing: {report.longrepr}"
    return report
