"""The pure parts of an agent's process: frames, faults, failures and ends."""

from __future__ import annotations

import socket
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.actors.execution.child_process import how_it_ended
from retinue.actors.execution.serving import event_of
from retinue.bus import errors
from retinue.bus.errors import CodecError, InvalidInput, RetinueError
from retinue.bus.messages import AgentText
from retinue.plugins.host.channel import MAX_FRAME, BlockingChannel, Frames, frame
from retinue.plugins.host.failures import MAX_CAUSE, describe, one_line
from retinue.plugins.host.faults import pack, unpack
from retinue.plugins.host.frames import Answer, Chunk, Finish, Step, Tell, ToChild
from retinue.plugins.llm.model import ModelRefused

messages = st.one_of(
    st.builds(Tell, st.integers(0, 2**40), st.text()),
    st.builds(Chunk, st.integers(0, 2**40), st.binary()),
    st.builds(Answer, st.integers(0, 2**40), st.binary(), st.none()),
    st.builds(Finish),
)


@given(st.lists(messages), st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent, data):
    stream = b"".join(map(frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    frames: Frames = Frames(ToChild)
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [message for piece in pieces for message in frames.feed(piece)] == sent


@given(st.binary(min_size=1, max_size=200))
def test_garbage_is_a_frame_that_is_not_whole_or_a_codec_error(garbage):
    frames: Frames = Frames(ToChild)
    try:
        got = list(frames.feed(garbage))
    except CodecError:
        return
    assert got == []


def test_a_length_over_the_bound_is_refused_before_its_bytes_come():
    with pytest.raises(CodecError, match="8,388,609 bytes is over"):
        list(Frames(ToChild).feed((MAX_FRAME + 1).to_bytes(4)))


def test_a_frame_over_the_bound_is_not_sent():
    with pytest.raises(InvalidInput, match="pass a path or a reference"):
        frame(Chunk(1, b"x" * MAX_FRAME))


def test_frames_of_many_threads_do_not_mix():
    ours, theirs = socket.socketpair()
    channel = BlockingChannel(theirs)
    sent = [Chunk(n, bytes([n]) * 100_000) for n in range(8)]
    threads = [Thread(target=channel.send, args=(message,)) for message in sent]
    frames: Frames = Frames(ToChild)
    got: list = []
    with ours, theirs:
        for thread in threads:
            thread.start()
        while len(got) < len(sent):
            got += frames.feed(ours.recv(65_536))
        for thread in threads:
            thread.join()
    assert sorted(got, key=lambda c: c.request) == sent


@pytest.mark.parametrize(
    "error",
    [
        errors.ToolError("broke"),
        errors.InvalidInput("bad"),
        errors.UnknownTool("which"),
        errors.UnknownAgent("who"),
        errors.DeadlineExceeded("late"),
        errors.TaskFailed("t-1", "ValueError", "no", 3),
        errors.TaskCancelled("t-1", "enough"),
        errors.CodecError("bad bytes", b""),
        ModelRefused("busy", status=429, retry_after=2.0),
    ],
)
def test_an_error_that_an_agent_may_catch_arrives_as_itself(error):
    arrived = unpack(pack(error))
    if isinstance(error, CodecError):  # it carries bytes, which do not travel
        assert str(arrived) == "CodecError: bad bytes"
        return
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_an_error_of_another_kind_keeps_its_name_and_message():
    arrived = unpack(pack(ZeroDivisionError("by nought")))
    assert (type(arrived), str(arrived)) == (RetinueError, "ZeroDivisionError: by nought")


def test_an_error_of_an_agents_own_that_has_one_of_our_names_keeps_its_message():
    class TaskFailed(Exception):
        def __str__(self):
            return "not ours"

    arrived = unpack(pack(TaskFailed()))
    assert (type(arrived), str(arrived)) == (RetinueError, "TaskFailed: not ours")


@given(st.text())
def test_a_cause_is_one_short_printable_line(text):
    line = one_line(text * 50)
    assert len(line) <= MAX_CAUSE
    assert line.isprintable()


def test_a_failure_can_be_written_down_whatever_its_error_holds():
    failure = describe(ValueError("\ud800 \x1b[31m\nred"))
    assert failure.cause == "� �[31m red"
    failure.traceback.encode()


@pytest.mark.parametrize("hopeless", [InvalidInput("x"), errors.TaskCancelled("t", "r")])
def test_what_would_fail_again_is_not_to_be_retried(hopeless):
    assert not describe(hopeless).retry
    assert describe(OSError("x")).retry


def test_an_agent_reports_its_own_steps_and_nothing_else():
    assert event_of(Step(1, "agent.text", b'{"type":"agent.text","delta":"x"}')) == AgentText("x")
    with pytest.raises(InvalidInput, match="not an agent's to report"):
        event_of(Step(1, "run.succeeded", b"{}"))
    with pytest.raises(CodecError):
        event_of(Step(1, "agent.text", b'{"delta": 5}'))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (7, "exited with code 7"),
        (-9, "was killed by SIGKILL"),
        (-99, "was killed by signal 99"),
        (137, "was killed by SIGKILL"),
        (255, "exited with code 255"),
    ],
)
def test_how_a_process_ended_is_said_in_words(code, words):
    assert how_it_ended(code) == words
