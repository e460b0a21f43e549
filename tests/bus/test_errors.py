"""The tree of errors: one root, plain messages, and parts that travel along."""

from __future__ import annotations

import copy
import pickle

import pytest

from retinue.bus import errors
from retinue.bus.errors import (
    CodecError,
    DeadlineExceeded,
    DeadlockDetected,
    RetinueError,
    TaskCancelled,
    TaskFailed,
)

EVERY = [getattr(errors, name) for name in errors.__all__]


class OfAnotherRoom(RetinueError):
    def __init__(self, message, *, status):
        super().__init__(message)
        self.status = status


WITH_PARTS = [
    OfAnotherRoom("refused", status=503),
    DeadlineExceeded("too late"),
    TaskFailed("t-1", "ValueError", "no", attempts=3),
    TaskCancelled("t-1", "enough"),
    CodecError("not a valid X", b"\xff\x00"),
    DeadlockDetected(("a", "b", "a")),
]


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_has_the_one_root_and_says_when_one_gets_it(kind):
    assert issubclass(kind, RetinueError)
    assert kind.__doc__


def test_every_error_of_the_module_is_exported():
    defined = {n for n, k in vars(errors).items() if isinstance(k, type) and n[0].isupper()}
    assert defined - {"Any"} == set(errors.__all__)


def test_no_error_of_ours_hides_a_bug_of_the_host_program():
    for kind in (TypeError, KeyError, AttributeError, AssertionError, KeyboardInterrupt):
        assert not issubclass(RetinueError, kind)
        assert not any(issubclass(ours, kind) for ours in EVERY)


@pytest.mark.parametrize("error", WITH_PARTS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_with_parts_survive_copying_and_pickling(error, again):
    twin = again(error)
    assert type(twin) is type(error)
    assert (str(twin), vars(twin)) == (str(error), vars(error))


def test_a_failed_task_says_which_how_often_and_why():
    message = str(TaskFailed("t-1", "ValueError", "no", attempts=3))
    assert message == "task t-1 failed after 3 attempt(s): ValueError: no"


def test_a_deadlock_says_its_circle_and_what_to_do():
    assert str(DeadlockDetected(("a", "b", "a"))) == (
        "ask would wait for ever: a → b → a; use tell, or answer before asking"
    )
