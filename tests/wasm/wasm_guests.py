"""Guests in WAT: a bump allocator, and a body of their own."""

from __future__ import annotations

HEAD = """
  (import "retinue" "ask" (func $ask (param i32 i32) (result i64)))
  (import "retinue" "progress" (func $progress (param f64 f64 i32 i32)))
  (import "retinue" "log" (func $log (param i32 i32)))
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 4096))
  (func (export "retinue_alloc") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (global.get $next) (local.get $size)))
    (local.get $at))
"""


def guest(body: str, data: str = '{"ok":"hello"}') -> str:
    """A module whose ``retinue_call`` does ``body``; ``data`` lies at address 16."""
    quoted = data.replace('"', '\\"')
    return f"""(module {HEAD}
  (data (i32.const 16) "{quoted}")
  (func (export "retinue_call") (param $at i32) (param $size i32) (result i64)
    {body}))"""


def at(address: int, size: int) -> str:
    """The instruction that gives bytes back."""
    return f"(i64.or (i64.shl (i64.const {address}) (i64.const 32)) (i64.const {size}))"


HELLO = guest(at(16, 14))
SPIN = guest(f"(loop $again (br $again)) {at(16, 14)}")
TRAP = guest("unreachable")
HUNGRY = guest(
    f"(drop (memory.grow (i32.const 16384))) (i64.store (i32.const 100000000) (i64.const 1)) {at(16, 14)}"
)
OUTSIDE = guest(at(4_000_000_000, 100))
HUGE = guest(at(16, 4_000_000_000))
GARBAGE = guest(at(16, 4), "{{{{")
FAILS = guest(at(16, 19), '{"error":"no luck"}')
_READ = '{"method":"fs.read","params":{"path":"PATH"}}'


def asks(path: str) -> str:
    """Asks the host for a file, and gives back what it was answered."""
    request = _READ.replace("PATH", path)
    return guest(f"(call $ask (i32.const 16) (i32.const {len(request)}))", request)


TELLS = guest(
    "(call $progress (f64.const 1) (f64.const 2) (i32.const 16) (i32.const 4)) "
    f"(call $log (i32.const 16) (i32.const 4)) {at(20, 14)}",
    'half{"ok":"hello"}',
)
UNKNOWN_IMPORT = '(module (import "env" "system" (func)) (memory (export "memory") 1))'
NO_EXPORTS = "(module)"
