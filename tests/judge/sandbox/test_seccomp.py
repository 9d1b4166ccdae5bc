"""The filter, run by an interpreter of classic BPF. test_isolation.py has it in a real sandbox."""

from __future__ import annotations

import errno
import struct

import pytest

from judge.errors import SandboxUnavailableError
from judge.sandbox.seccomp import filter_program

ALLOW = 0x7FFF0000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def answer(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the filter returns: `ALLOW`, or the number of an error."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *(arguments + (0,) * (6 - len(arguments))))
    instructions = list(struct.iter_unpack("=HBBI", program))
    position = accumulator = 0
    while True:
        code, if_true, if_false, operand = instructions[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x06:
            return operand if operand == ALLOW else operand & 0xFFFF
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[code]
            position += if_true if holds else if_false


@pytest.mark.parametrize(
    ("call", "x86_64", "aarch64", "arguments", "expected"),
    [
        ("read", 0, 63, (), ALLOW),
        ("openat", 257, 56, (), ALLOW),
        ("execve", 59, 221, (), ALLOW),
        ("kill", 62, 129, (1, 9), ALLOW),
        ("ptrace", 101, 117, (), errno.EPERM),
        ("mount", 165, 40, (), errno.EPERM),
        ("unshare", 272, 97, (0,), errno.EPERM),
        ("clone3", 435, 435, (), errno.ENOSYS),
        ("clone, thread", 56, 220, (0x3D0F00,), ALLOW),
        ("clone, user namespace", 56, 220, (0x10000011,), errno.EPERM),
        ("clone, network namespace", 56, 220, (0x40000011,), errno.EPERM),
        ("socket, unix", 41, 198, (1, 1, 0), ALLOW),
        ("socket, internet", 41, 198, (2, 1, 0), errno.EACCES),
        ("socketpair, unix", 53, 199, (1, 1, 0), ALLOW),
        ("socketpair, tipc", 53, 199, (30, 1, 0), errno.EACCES),
        ("ioctl, size", 16, 29, (0, 0x5413), ALLOW),
        ("ioctl, inject", 16, 29, (0, 0x5412), errno.EPERM),
        ("prlimit, own", 302, 261, (0, 7), ALLOW),
        ("prlimit, other", 302, 261, (1, 7), errno.EPERM),
        ("affinity, own", 203, 122, (0,), ALLOW),
        ("affinity, other", 203, 122, (1,), errno.EPERM),
        ("priority, own", 141, 140, (0, 0, 5), ALLOW),
        ("priority, other", 141, 140, (0, 1, 5), errno.EPERM),
        ("priority, user", 141, 140, (2, 0, 5), errno.EPERM),
        ("asynchronous requests", 206, 0, (), errno.ENOSYS),
        ("inotify", 294, 26, (), errno.ENOSYS),
        ("flock", 73, 32, (0, 2), errno.EPERM),
        ("fcntl, flags", 72, 25, (0, 3), ALLOW),
        ("fcntl, lease", 72, 25, (0, 1024), errno.EPERM),
    ],
)
def test_calls(call: str, x86_64: int, aarch64: int, arguments: tuple[int, ...], expected: int) -> None:
    for machine, number in (("x86_64", x86_64), ("aarch64", aarch64)):
        assert answer(filter_program(machine), ARCHITECTURES[machine], number, *arguments) == expected, (
            machine
        )


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_other_sets_of_calls_do_not_exist(machine: str) -> None:
    program = filter_program(machine)
    assert answer(program, 0x40000003, 11) == errno.ENOSYS  # 32-bit x86
    assert answer(program, ARCHITECTURES[machine], 0x40000000) == errno.ENOSYS  # x32


def test_unknown_machine() -> None:
    with pytest.raises(SandboxUnavailableError, match=r"'vax'[^$]*aarch64, x86_64"):
        filter_program("vax")
