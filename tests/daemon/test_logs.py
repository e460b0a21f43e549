"""The daemon's log, written by a process of its own: this one's loguru is not ours to change."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from retinue.kernel.logs import level_of


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("kernel.started", "info"),
        ("run.succeeded", "info"),
        ("agent.spawned", "info"),
        ("agent.text", "debug"),
        ("tool.called", "debug"),
        ("task.queued", "debug"),
        ("bus.degraded", "warning"),
        ("task.stalled", "warning"),
        ("run.failed", "warning"),
        ("agent.failed", "error"),
    ],
)
def test_trouble_is_louder_than_life_and_life_louder_than_work(kind, level):
    assert level_of(kind) == level


def test_a_line_for_people_holds_time_level_and_message():
    (line,) = _logged("human", "logger.info('hello {}', 'you'); logger.debug('not this')")
    assert line[12:] == " info    hello you"


def test_a_line_for_programs_is_one_json_object():
    (line,) = _logged("json", "logger.bind(run='r-1').warning('careful')")
    said = json.loads(line)
    assert said.pop("time").endswith("+00:00")
    assert said == {"level": "warning", "message": "careful", "run": "r-1"}


@pytest.mark.parametrize("form", ["human", "json"])
def test_a_message_cannot_forge_a_line_or_steer_the_terminal(form):
    (line,) = _logged(form, "logger.info('one\\n99:99:99 error forged \\x1b[2J')")
    assert "\x1b" not in line


def test_an_error_is_named_and_the_values_of_variables_are_not_shown():
    (line,) = _logged("human", _BREAKS)
    assert line[12:] == " error   it broke: ValueError: no"


def test_what_libraries_log_goes_the_same_way():
    (line,) = _logged("human", "import logging; logging.getLogger('uvicorn.error').error('odd')")
    assert line[12:] == " error   odd"


_BREAKS = """
password = 'hunter2'
try:
    raise ValueError('no') if password else None
except ValueError:
    logger.exception('it broke')
"""


def _logged(form: str, program: str) -> list[str]:
    head = (
        "import sys\nfrom loguru import logger\nfrom retinue.kernel.logs import configure\n"
        f"configure('info', {form!r}, sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", head + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr.splitlines()
