"""Reaching into a thread from outside: what it is doing, and an exception to end that."""

from __future__ import annotations

import ctypes
import sys
import threading
from pathlib import PurePath
from types import FrameType

__all__ = ["Strike", "absorb", "doing", "strike"]

_FRAMES = 3
_STEPS = 1_000  # the first is enough: a loop looks for exceptions at each turn


class Strike(BaseException):
    """Raised asynchronously inside a turn that has to end.

    A ``BaseException``, because a loop around ``try: … except Exception: pass`` is one of
    the ways to hang. Never raised in a thread that is blocked in C until it comes back.
    """


def strike(thread: int) -> bool:
    """Raise ``Strike`` in ``thread`` at its next bytecode; False when there is no such thread."""
    return _set_async_exc(thread, ctypes.py_object(Strike)) == 1


def absorb(thread: int) -> None:
    """Take back a ``Strike`` that has not been raised yet, so that nothing of it is left.

    CPython 3.11 raises a flag for all threads when an exception is set, and lowers it only where
    one is raised: until then every thread looks twice at each step, and one that is traced (by a
    debugger or by coverage) never gets past the next. So one is raised here, and caught.
    """
    _set_async_exc(thread, None)
    try:
        strike(threading.get_ident())
        for _ in range(_STEPS):
            pass
    except Strike:
        return


def doing(thread: int) -> str:
    """The innermost frames of ``thread``, innermost first: ``spin (demo.py:12) < run (…)``."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way, named so
    seen: list[str] = []
    while frame is not None and len(seen) < _FRAMES:
        seen.append(_place(frame))
        frame = frame.f_back
    return " < ".join(seen) or "no Python code"


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_name} ({PurePath(code.co_filename).name}:{frame.f_lineno})"


def _set_async_exc(thread: int, kind: ctypes.py_object[type[Strike]] | None) -> int:
    # pythonapi holds the GIL during the call, so the thread cannot move meanwhile.
    return int(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), kind))
