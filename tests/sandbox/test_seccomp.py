"""The filter, run by a small interpreter of classic BPF: what it lets through, and what not."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.plugins.sandbox import names, seccomp
from retinue.plugins.sandbox.syscalls import AUDIT_ARCH, PLAIN, numbers

PID = 4711
MASK = (1 << 64) - 1
ALLOW, NOTIFY, KILL = seccomp.ALLOW, seccomp.NOTIFY, seccomp.KILL
EPERM, ENOSYS = seccomp.ERRNO | 1, seccomp.ERRNO | 38
MACHINES = ("x86_64", "aarch64")


def run(program, machine, number, *arguments, arch=None):
    """What the kernel would do with a call: the value of the instruction that returns."""
    padded = (*(a & MASK for a in arguments), *[0] * (6 - len(arguments)))
    data = struct.pack(
        "<IIQ6Q", number & 0xFFFFFFFF, AUDIT_ARCH[machine] if arch is None else arch, 0, *padded
    )
    code = [struct.unpack("=HBBI", program[i : i + 8]) for i in range(0, len(program), 8)]
    accumulator = at = 0
    while True:
        operation, yes, no, value = code[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            at += yes if accumulator == value else no
        elif operation == 0x45:
            at += yes if accumulator & value else no
        else:
            assert operation == 0x06, hex(operation)
            return value


def filter_of(machine="x86_64", **profile):
    return seccomp.program(seccomp.Profile(machine, PID, **profile))


def decide(name, *arguments, machine="x86_64", **profile):
    return run(filter_of(machine, **profile), machine, numbers(machine)[name], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_plain_calls_are_allowed_and_all_that_have_no_table_go_to_the_host(machine):
    program, known = filter_of(machine), numbers(machine)
    assert {run(program, machine, known[n]) for n in PLAIN if n in known} == {ALLOW}
    column = MACHINES.index(machine)
    refused = {name: pair[column] for name, pair in names.REFUSED.items()}
    refused = {name: number for name, number in refused.items() if number is not None}
    assert {n for n, number in refused.items() if run(program, machine, number) == ALLOW} == set()


@given(number=st.integers(0, 0xFFFFFFFF), arguments=st.lists(st.integers(0, MASK), max_size=6))
def test_no_number_and_no_argument_is_allowed_that_is_not_in_the_table(number, arguments):
    known = set(numbers("x86_64").values()) | {46, 317}  # until it is sealed
    if run(filter_of(), "x86_64", number, *arguments) == ALLOW:
        assert number in known


@given(number=st.integers(0, 600), arch=st.integers(0, 0xFFFFFFFF))
def test_another_processors_calls_end_the_process(number, arch):
    if arch != AUDIT_ARCH["x86_64"]:
        assert run(filter_of(), "x86_64", number, arch=arch) == KILL
        assert run(seccomp.last_word("x86_64"), "x86_64", number, arch=arch) == KILL
    assert run(filter_of(), "x86_64", number | 0x40000000) == KILL


def test_a_process_is_made_only_where_it_may_and_a_thread_always():
    thread, flags = 0x3D0F00, (0x02000000, 0x10000000, 0x20000000, 0x40000000, 0x00020000)
    assert decide("clone", thread) == ALLOW
    assert decide("clone", 17) == decide("fork") == decide("vfork") == NOTIFY
    assert decide("clone", 17, forks=True) == decide("fork", forks=True) == ALLOW
    for new in flags:
        assert decide("clone", thread | new) == decide("clone", 17 | new, forks=True) == NOTIFY
    assert decide("clone3", 0) == decide("clone3", 0, forks=True) == ENOSYS


def test_signals_reach_the_process_itself_and_nobody_else():
    assert decide("kill", PID, 15) == decide("tgkill", PID, 1, 15) == ALLOW
    for other in (1, 0, -1, PID + 1, -PID):
        assert decide("kill", other, 15) == decide("tgkill", other, 1, 15) == NOTIFY


def test_limits_are_read_of_oneself_and_never_written():
    assert decide("prlimit64", 0, 7, 0, 123) == decide("prlimit64", PID, 7, 0, 123) == ALLOW
    assert decide("prlimit64", 0, 7, 123, 0) == decide("prlimit64", 1, 7, 0, 123) == NOTIFY
    assert decide("prlimit64", 0, 7, 1 << 32, 0) == NOTIFY  # the upper half of a pointer counts


def test_sockets_are_pairs_and_send_to_their_other_end_only():
    assert decide("socketpair", 1, 1, 0) == ALLOW
    assert decide("socketpair", 2, 1, 0) == decide("socket", 1, 1, 0) == NOTIFY
    assert decide("sendto", 3, 1, 1, 0, 0) == ALLOW
    assert decide("sendto", 3, 1, 1, 0, 1 << 40) == NOTIFY


def test_nothing_is_typed_into_a_terminal_and_no_process_is_hidden_or_outlives():
    assert decide("ioctl", 0, 0x5412) == decide("fcntl", 3, 1031) == NOTIFY
    assert decide("prctl", 1, 0) == decide("prctl", 4, 1) == NOTIFY
    assert decide("ioctl", 0, 0x5401) == decide("fcntl", 3, 3) == decide("prctl", 15) == ALLOW


@pytest.mark.parametrize(
    ("call", "before"),
    [("open", (0, 0)), ("openat", (3, 0, 0)), ("mkdir", (0,)), ("mkdirat", (3, 0))],
)
def test_nothing_is_made_by_which_another_becomes_its_owner(call, before):
    assert decide(call, *before, 0o777) == decide(call, *before, 0o1777) == ALLOW
    assert decide(call, *before, 0o4755) == decide(call, *before, 0o2755) == NOTIFY


def test_programs_are_started_only_by_what_is_no_interpreter():
    assert decide("execve", 1) == NOTIFY
    assert decide("execve", 1, executes=True) == decide("execve", 1, forks=True) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_after_the_seal_no_descriptor_leaves_and_no_filter_is_added(machine):
    last = seccomp.last_word(machine)
    for number in (seccomp._SENDMSG[machine], seccomp._SECCOMP[machine]):
        assert run(last, machine, number) == EPERM
    assert run(last, machine, numbers(machine)["read"]) == ALLOW


def test_a_filter_fits_what_linux_takes_and_no_table_is_no_filter():
    assert all(len(filter_of(machine)) // 8 < 4096 for machine in MACHINES)
    with pytest.raises(KeyError):
        filter_of("riscv64")


def test_calls_have_names_and_no_number_has_two():
    for column, machine in enumerate(MACHINES):
        known = numbers(machine)
        refused = {n: pair[column] for n, pair in names.REFUSED.items() if pair[column] is not None}
        every = [*known.values(), *refused.values()]
        assert len(set(every)) == len(every)
        assert names.name_of(refused["ptrace"], machine) == "ptrace"
        assert names.name_of(known["clone"], machine) == "clone"
        assert names.name_of(9999, machine) == "call 9999"
