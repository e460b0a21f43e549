"""Calls as a mediator gets them, and servers that answer as they are told to."""

from __future__ import annotations

import pytest

from .servers import Server
from .world import World


@pytest.fixture
def world():
    """The services over a clock and a resolver of the test's own."""
    return World()


@pytest.fixture
def serve():
    """``serve({"/path": bytes or async function(reader, writer, head)})``: a server on loopback."""
    started = []

    def make(answers, tls=None):
        started.append(Server(answers, tls))
        return started[-1]

    yield make
    for server in started:
        server.close()
