"""Streams of the daemon's process: what is written in pieces is guarded as what is written at once."""

from __future__ import annotations

import io
import subprocess
import sys

from retinue.bus.redact import Secrets
from retinue.kernel.guarded import Guarded

VALUE = "a-secret-of-many-pieces"


def guarded() -> tuple[io.StringIO, Guarded]:
    secrets = Secrets()
    secrets.register(VALUE, "it")
    stream = io.StringIO()
    return stream, Guarded(stream, secrets)


def test_a_secret_written_letter_by_letter_and_flushed_is_not_shown() -> None:
    stream, out = guarded()
    for char in f"it is {VALUE}.\n":
        print(char, end="", file=out, flush=True)
    assert stream.getvalue() == "it is [secret:it].\n"


def test_a_line_without_secrets_is_there_at_once() -> None:
    stream, out = guarded()
    assert out.write("plainly\n") == 8
    assert stream.getvalue() == "plainly\n"


def test_what_is_held_back_is_shown_at_the_end() -> None:
    stream, out = guarded()
    out.writelines(["ends in ", "a-secret"])
    out.flush()
    assert stream.getvalue() == "ends in "
    out.release()
    assert stream.getvalue() == "ends in a-secret"


def test_a_guarded_stream_is_otherwise_the_one_below() -> None:
    stream, out = guarded()
    assert out.isatty() == stream.isatty()
    assert out.encoding == stream.encoding


PROGRAM = f"""
import threading
from retinue.bus.redact import Secrets
from retinue.kernel.guarded import guard_output
secrets = Secrets()
guard_output(secrets)
secrets.register("{VALUE}", "it")
print("out", "{VALUE}")
thread = threading.Thread(target=lambda: int("{VALUE}"))
thread.start()
thread.join()
print("a-secret", end="")
raise SystemError("{VALUE}")
"""


def test_tracebacks_and_prints_of_a_process_are_guarded_until_it_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-"],
        input=PROGRAM,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == "out [secret:it]\na-secret"
    assert "invalid literal for int() with base 10: '[secret:it]'" in ended.stderr
    assert "SystemError: [secret:it]" in ended.stderr
    assert VALUE not in ended.stdout + ended.stderr
