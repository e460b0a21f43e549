"""The client's side of a connection, as a state machine."""

from __future__ import annotations

import json

import pytest

from retinue.plugins.mcp.messages import Message, decode
from retinue.plugins.mcp.session import Answered, Asked, Changed, ClientSession, Nothing, Progressed
from retinue.plugins.protocol.rules import Violation


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def session():
    return ClientSession("retinue", "1", 1000, (), Clock())


def message(**fields):
    found = decode(json.dumps({"jsonrpc": "2.0", **fields}).encode())
    assert isinstance(found, Message)
    return found


def test_a_request_is_answered_once(session):
    session.request(1, "tools/list")
    assert session.take(message(id=1, result={"a": 1}), 10) == Answered(1, b'{"a": 1}')
    with pytest.raises(Violation, match="not asked"):
        session.take(message(id=1, result={}), 10)


def test_an_answer_to_what_was_taken_back_is_passed_over_once(session):
    session.request(1, "tools/call")
    assert b'"requestId":1' in session.cancel(1, "deadline")
    assert session.take(message(id=1, result={}), 10) == Nothing()
    with pytest.raises(Violation, match="not asked"):
        session.take(message(id=1, result={}), 10)


def test_what_comes_for_one_request_is_bounded_progress_included(session):
    line = session.request(1, "tools/call", {}, progress=True)
    assert json.loads(line)["params"]["_meta"] == {"progressToken": 1}
    told = message(method="notifications/progress", params={"progressToken": 1, "progress": 2})
    assert session.take(told, 600) == Progressed(1, 2.0, 0.0, "")
    with pytest.raises(Violation, match="more than 1,000 bytes"):
        session.take(told, 600)


def test_what_nobody_asked_for_is_bounded_by_the_minute():
    clock = Clock()
    session = ClientSession("retinue", "1", 1000, (), clock)
    told = message(method="notifications/tools/list_changed")
    assert session.take(told, 4 << 20) == Changed()
    clock.now = 61.0
    assert session.take(told, 4 << 20) == Changed()
    with pytest.raises(Violation, match="a minute"):
        session.take(told, 1)


def test_roots_are_told_only_where_folders_were_granted(session):
    granted = ClientSession("retinue", "1", 1000, ("/data",), Clock())
    asked = message(id="r", method="roots/list")
    told = granted.take(asked, 10)
    assert isinstance(told, Asked)
    assert json.loads(told.reply)["result"] == {"roots": [{"uri": "file:///data"}]}
    assert session.take(asked, 10).refused == "roots/list"
    assert "roots" not in session.introduction["capabilities"]


def test_a_version_without_handshake_goes_with_every_request(session):
    session.agree("2026-07-28", modern=True)
    meta = json.loads(session.request(1, "tools/list"))["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientInfo"]["name"] == "retinue"
