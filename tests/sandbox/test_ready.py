"""Processes start and are waited for in a program that has more than a thousand descriptors."""

from __future__ import annotations

import fcntl
import os
import resource
import socket

import pytest

from retinue.plugins.sandbox.ready import ready

BEYOND = 1100  # select takes numbers below 1024


@pytest.fixture
def crowded(missing):
    """Every number below ``BEYOND`` is taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < BEYOND + 200:
        missing("descriptors", f"raise the hard limit of {hard}: ulimit -Hn 4096")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, BEYOND + 200), hard))
    taken = []
    while not taken or taken[-1] < BEYOND:
        taken.append(os.open(os.devnull, os.O_RDONLY))
    yield
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def pair():
    """Two ends, the first with a number that is too large for select."""
    near, far = socket.socketpair()
    high = socket.socket(fileno=fcntl.fcntl(near, fcntl.F_DUPFD_CLOEXEC, BEYOND))
    near.close()
    with high, far:
        yield high, far


def test_what_can_be_read_or_written_is_told_apart(pair):
    high, far = pair
    number = high.fileno()
    assert number >= BEYOND
    assert ready([number], 0.0) == (set(), set())
    assert ready([number], 0.0, [number]) == (set(), {number})
    far.send(b"x")
    assert ready([number], 30.0) == ({number}, set())
    assert ready([number], 30.0, [number]) == ({number}, {number})


def test_the_other_sides_end_is_something_to_read(pair):
    high, far = pair
    far.close()
    assert ready([high.fileno()], 30.0) == ({high.fileno()}, set())


def test_a_plugin_starts_and_ends_beside_a_thousand_descriptors(at_level, crowded):
    den = at_level("standard")
    confined = den.spawn(den.plan(den.admitted()))
    assert confined.stderr >= BEYOND
    assert confined.wait(0) is None
    confined.kill()
    assert confined.wait(0) is not None
