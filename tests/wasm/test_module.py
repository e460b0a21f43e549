"""A module alone: what it is given, and what it cannot do."""

from __future__ import annotations

import pytest
import wasm_guests as guests

from retinue.bus.errors import (
    DeadlineExceeded,
    Denied,
    InvalidInput,
    PluginError,
    ToolError,
)
from retinue.plugins.wasm.host import HostFunctions
from retinue.plugins.wasm.module import WasmModule

MEMORY = 16 << 20


@pytest.fixture
def made():
    modules = []

    def make(text):
        modules.append(WasmModule(text.encode() if isinstance(text, str) else text, "m", MEMORY))
        return modules[-1]

    yield make
    for module in modules:
        module.close()


def call(module, seconds=5.0, ask=None, told=None):
    told = [] if told is None else told
    host = HostFunctions(
        ask or (lambda method, params: [method, params]),
        lambda *progress: told.append(progress),
        told.append,
    )
    return module.call({"tool": "t", "args": {}}, host, seconds)


def test_a_module_answers(made):
    assert call(made(guests.HELLO)) == "hello"


def test_each_call_has_an_instance_of_its_own(made):
    once = guests.guest(
        "(if (i32.load8_u (i32.const 200)) (then unreachable))"
        f"(i32.store8 (i32.const 200) (i32.const 1)) {guests.at(16, 14)}"
    )
    module = made(once)
    assert [call(module), call(module)] == ["hello", "hello"]


def test_what_a_module_asks_for_is_asked_of_the_host_and_its_answer_comes_back(made):
    assert call(made(guests.asks("/x"))) == ["fs.read", {"path": "/x"}]


def test_a_refusal_of_the_host_is_the_module_s_error(made):
    def refuse(method, params):
        raise Denied("fs.read", params["path"], "it may not")

    with pytest.raises(ToolError, match="Denied: it may not"):
        call(made(guests.asks("/etc/passwd")), ask=refuse)


def test_progress_and_log_reach_the_host(made):
    told = []
    assert call(made(guests.TELLS), told=told) == "hello"
    assert told == [(1.0, 2.0, "half"), "half"]


def test_an_endless_loop_is_trapped_and_the_module_goes_on(made):
    with pytest.raises(DeadlineExceeded, match="did not answer within"):
        call(made(guests.SPIN), seconds=0.05)
    assert call(made(guests.HELLO)) == "hello"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (guests.TRAP, ToolError, "it trapped: unreachable"),
        (guests.HUNGRY, ToolError, "it trapped: memory out of bounds"),
        (guests.OUTSIDE, InvalidInput, "not in the module's memory"),
        (guests.HUGE, InvalidInput, "not in the module's memory"),
        (guests.GARBAGE, PluginError, "no JSON object"),
        (guests.FAILS, ToolError, "m: no luck"),
    ],
    ids=["traps", "takes memory", "points outside", "claims much", "garbage", "fails"],
)
def test_a_bad_module_ends_its_own_call(made, text, error, says):
    with pytest.raises(error, match=says):
        call(made(text))


def test_a_missing_import_is_refused_before_anything_runs(made):
    text = guests.HELLO.replace('"retinue" "log"', '"env" "system"')
    with pytest.raises(PluginError, match="unknown import"):
        call(made(text))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (guests.NO_EXPORTS, "does not export memory, retinue_alloc, retinue_call"),
        ("(module (", "does not compile"),
        (b"\x7fELF\x02\x01\x01" + bytes(64), "does not compile"),
        (b"\xff\xfe", "does not compile"),
    ],
    ids=["nothing exported", "no WAT", "machine code", "garbage"],
)
def test_what_is_no_module_of_ours_is_refused(code, says):
    with pytest.raises(PluginError, match=says):
        WasmModule(code.encode() if isinstance(code, str) else code, "m", MEMORY)
