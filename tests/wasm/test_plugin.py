"""A WebAssembly plugin in a kernel: inside the same walls as any other."""

from __future__ import annotations

import os

import pytest
import wasm_guests as guests

from retinue.bus.errors import DeadlineExceeded, PluginError, ToolError
from retinue.kernel import Kernel

MANIFEST = """
name = "guest"
version = "1.0"
runtime = "wasm"
entry = "guest.wat"
[limits]
call_seconds = 2.0
[permissions]
read = ["{readable}"]
[[tools]]
name = "run"
effect = "none"
"""


@pytest.fixture
def loaded(tmp_path):
    """Loads a guest into a kernel of its own, and gives the kernel."""
    kernels = []

    def load(text, manifest=MANIFEST):
        folder, readable = tmp_path / "guest", tmp_path / "readable"
        folder.mkdir()
        readable.mkdir()
        (readable / "a.txt").write_text("hello")
        (folder / "plugin.toml").write_text(manifest.format(readable=readable))
        (folder / "guest.wat").write_text(text.replace("READABLE", str(readable)))
        kernel = Kernel().start()
        kernels.append(kernel)
        kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest)
        return kernel

    yield load
    for kernel in kernels:
        kernel.close(drain=0.0)


def test_a_guest_s_tool_is_called_like_any_other(loaded):
    kernel = loaded(guests.HELLO)
    assert kernel.invoke("guest.run", {}) == "hello"
    (view,) = (view for view in kernel.plugins() if view.name == "guest")
    assert (view.runtime, view.state) == ("wasm", "running")
    assert "seccomp" in view.layers


def test_a_guest_in_an_endless_loop_loses_its_call_and_keeps_its_process(loaded):
    kernel = loaded(guests.SPIN)
    (before,) = (view.pid for view in kernel.plugins() if view.name == "guest")
    with pytest.raises((DeadlineExceeded, ToolError), match="did not answer within"):
        kernel.invoke("guest.run", {})
    (after,) = (view.pid for view in kernel.plugins() if view.name == "guest")
    assert before == after
    os.kill(after, 0)


def test_a_guest_reads_what_it_was_granted_through_the_host(tmp_path, loaded):
    path = f"{tmp_path}/readable/a.txt"
    kernel = loaded(guests.asks(path))
    assert kernel.invoke("guest.run", {}) == {"data": "aGVsbG8=", "size": 5}


def test_a_guest_is_refused_what_it_was_not_granted_and_the_refusal_is_an_event(loaded):
    kernel = loaded(guests.asks("/etc/passwd"))
    with pytest.raises(ToolError, match="may not read"):
        kernel.invoke("guest.run", {})
    denied = [e for e in kernel.events(follow=False) if e.envelope.type == "security.denied"]
    assert [e.envelope.body for e in denied if b'"fs.read"' in e.envelope.body]


def test_a_guest_without_tools_in_its_manifest_is_refused(loaded):
    with pytest.raises(PluginError, match="name its tools"):
        loaded(guests.HELLO, MANIFEST.partition("[[tools]]")[0])
