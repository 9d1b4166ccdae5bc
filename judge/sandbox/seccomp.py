"""The system calls that no program in a sandbox may make, as a seccomp filter.

Namespaces already hide the host. The filter closes what they leave open: kernel interfaces with a long
record of faults (new namespaces, mounts, bpf, io_uring, perf, userfaultfd, keyrings), every socket but
Unix ones, memory that no limit counts (memfd, System V), what the host has only so much of for all its users
(asynchronous requests, inotify instances), locks and leases on files that the host uses too, and the few
calls by which a program could change the agent (process 1, same user): its limits, its priority, the
processors it may use.

The filter is classic BPF for `seccomp(2)`, put together here because that needs sixty lines and no
library. Sources: seccomp(2), include/uapi/linux/{filter,seccomp,audit}.h and the kernel's syscall tables.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from judge.errors import SandboxUnavailableError

_LOAD, _JUMP_EQUAL, _JUMP_ABOVE_OR_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_AF_UNIX = 1
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_TTY_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_LEASES = (1024, 1026)  # F_SETLEASE, F_NOTIFY

# name: (number on x86_64, number on aarch64); -1 where there is no such call
_DENIED: dict[str, tuple[int, int]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "ioprio_set": (251, 30),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # kernel interfaces
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "lookup_dcookie": (212, 18),
    "personality": (135, 92),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    # memory and messages that outlive a process or that no limit counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    # few for the whole host, or for all processes of its user
    "io_setup": (206, 0),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    # host programs would wait for the locks of a program in here
    "flock": (73, 32),
    # its flags lie in memory, where a filter cannot see them; the C library falls back to clone
    "clone3": (435, 435),
}
# answered like a kernel that lacks them
_NO_SUCH_CALL = {"clone3", "memfd_create", "memfd_secret", "io_setup", "inotify_init", "inotify_init1"}


@dataclass(frozen=True)
class _ArgumentRule:
    """Refuse a call unless (or if) `test` holds between the low half of argument `index` and `value`."""

    numbers: tuple[int, int]
    index: int
    test: int  # _JUMP_EQUAL or _JUMP_ANY_BIT
    value: int
    refuse_if: bool
    error: int = errno.EPERM


_RULES = (
    _ArgumentRule((41, 198), 0, _JUMP_EQUAL, _AF_UNIX, refuse_if=False, error=errno.EACCES),  # socket
    _ArgumentRule((53, 199), 0, _JUMP_EQUAL, _AF_UNIX, refuse_if=False, error=errno.EACCES),  # socketpair
    _ArgumentRule((56, 220), 0, _JUMP_ANY_BIT, _NEW_NAMESPACES, refuse_if=True),  # clone
    *(
        _ArgumentRule((16, 29), 1, _JUMP_EQUAL, request, refuse_if=True) for request in _TTY_INJECTION
    ),  # ioctl
    *(_ArgumentRule((72, 25), 1, _JUMP_EQUAL, command, refuse_if=True) for command in _LEASES),  # fcntl
    _ArgumentRule(
        (302, 261), 0, _JUMP_EQUAL, 0, refuse_if=False
    ),  # prlimit64: of itself only, as the rest here
    _ArgumentRule((203, 122), 0, _JUMP_EQUAL, 0, refuse_if=False),  # sched_setaffinity
    _ArgumentRule((142, 118), 0, _JUMP_EQUAL, 0, refuse_if=False),  # sched_setparam
    _ArgumentRule((144, 119), 0, _JUMP_EQUAL, 0, refuse_if=False),  # sched_setscheduler
    _ArgumentRule((314, 274), 0, _JUMP_EQUAL, 0, refuse_if=False),  # sched_setattr
    _ArgumentRule((141, 140), 0, _JUMP_EQUAL, 0, refuse_if=False),  # setpriority: PRIO_PROCESS ...
    _ArgumentRule((141, 140), 1, _JUMP_EQUAL, 0, refuse_if=False),  # ... of itself
)

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_*
_X32_CALLS = 0x40000000  # x86_64's second set of numbers for the same calls


def filter_program(machine: str | None = None) -> bytes:
    """The filter for `machine` (default: this one), as the array of `struct sock_filter` that bwrap takes.

    Raises:
        SandboxUnavailableError: the call numbers of the machine are not in the tables.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        raise SandboxUnavailableError(
            f"no system call filter for the processor architecture {machine!r}",
            f"Judge on one of: {', '.join(sorted(_MACHINES))}.",
        )
    column, architecture = _MACHINES[machine]
    return b"".join(_instructions(column, architecture))


def _instructions(column: int, architecture: int) -> Iterator[bytes]:
    yield _instruction(_LOAD, _ARCH)
    yield _instruction(_JUMP_EQUAL, architecture, if_true=1)
    yield _refuse(errno.ENOSYS)  # 32-bit calls on a 64-bit kernel
    yield _instruction(_LOAD, _NUMBER)
    yield _instruction(_JUMP_ABOVE_OR_EQUAL, _X32_CALLS, if_false=1)
    yield _refuse(errno.ENOSYS)
    for name, numbers in _DENIED.items():
        if numbers[column] >= 0:
            yield _instruction(_JUMP_EQUAL, numbers[column], if_false=1)
            yield _refuse(errno.ENOSYS if name in _NO_SUCH_CALL else errno.EPERM)
    for rule in _RULES:
        yield _instruction(_JUMP_EQUAL, rule.numbers[column], if_false=4)
        yield _instruction(_LOAD, _ARGUMENTS + 8 * rule.index)
        yield _instruction(
            rule.test, rule.value, if_true=0 if rule.refuse_if else 1, if_false=int(rule.refuse_if)
        )
        yield _refuse(rule.error)
        yield _instruction(_LOAD, _NUMBER)
    yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _refuse(error: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | error)
