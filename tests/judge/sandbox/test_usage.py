"""What a run uses is seen where no control group counts it, whatever the program does to hide it."""

# ruff: noqa: E501 - a program a line

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from judge import Judge, Program, Verdict
from judge.sandbox.bubblewrap import BubblewrapFactory
from problems.problem import Problem

RIGHT = "print(int(input()) + 1)"
AC, TLE, MLE, RE = Verdict.AC, Verdict.TLE, Verdict.MLE, Verdict.RE

HIDING: dict[str, tuple[str, set[Verdict]]] = {
    "drops pages of shared memory": (
        "import mmap, time\nm = mmap.mmap(-1, 500 << 20)\n"
        "for i in range(300):\n  m[i << 20:i + 1 << 20] = b'x' * (1 << 20); m.madvise(mmap.MADV_DONTNEED)\ntime.sleep(.3)\n",
        {MLE},
    ),
    "maps shared memory anew": (
        "import ctypes, mmap, time\nlibc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p\n"
        "size = 100 << 20\n"
        "for _ in range(2):\n  p = libc.mmap(None, ctypes.c_size_t(size), 3, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, -1, 0)\n"
        "  ctypes.memset(ctypes.c_void_p(p), 1, size); time.sleep(.1)\n"
        "  libc.munmap(ctypes.c_void_p(p + 4096), ctypes.c_size_t(size - 4096))\ntime.sleep(.2)\n",
        {MLE},
    ),
    "hides its mappings": (
        "import ctypes, mmap, time\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nm = mmap.mmap(-1, 500 << 20); time.sleep(.3)\n",
        {MLE},
    ),
    "main threads that have ended": (
        "import ctypes, os, threading, time\n"
        "def work():\n  time.sleep(.1); keep = b'x' * (150 << 20); time.sleep(1); os._exit(0)\n"
        "if os.fork() == 0:\n  threading.Thread(target=work).start(); ctypes.CDLL(None).syscall({'x86_64': 60}.get(os.uname().machine, 93), 0)\n"
        "os.wait()\n",
        {MLE},
    ),
    "memory for a moment": ("x = b'x' * (150 << 20); del x\n", {MLE}),
    "memory in files": (
        "import time\nfor d in ('/box', '/tmp', '/dev/shm'): open(d + '/f', 'wb').write(b'x' * (50 << 20))\ntime.sleep(.2)\n",
        {MLE},
    ),
    "children that nobody waits for": (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "for _ in range(30):\n  if os.fork() == 0:\n    while time.process_time() < .12: pass\n    os._exit(0)\n  time.sleep(.13)\n",
        {TLE},
    ),
    "children that are waited for": (
        "import os, time\nfor _ in range(4):\n  if os.fork() == 0:\n    while time.process_time() < .06: pass\n    os._exit(0)\n  os.wait()\n",
        {AC},
    ),
    "shared memory in bounds": (
        "import mmap, os, time\nm = mmap.mmap(-1, 60 << 20); m.write(b'x' * (60 << 20))\n"
        "for _ in range(3):\n  if os.fork() == 0: time.sleep(.2); os._exit(len(m[:1]) - 1)\ntime.sleep(.2)\n",
        {AC},
    ),
    "address space": (
        "import mmap, time\nm = mmap.mmap(-1, 200 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); time.sleep(.1)\n",
        {AC},
    ),
}


@pytest.fixture(scope="module")
def watching_judge() -> Iterator[Judge]:
    with Judge(BubblewrapFactory("rlimits")) as judge:
        yield judge


@pytest.mark.parametrize("name", HIDING)
def test_hiding(
    name: str, watching_judge: Judge, increment: Callable[..., Problem], nothing_left: None
) -> None:
    text, expected = HIDING[name]
    problem = increment(1, cpu_seconds=0.5, wall_seconds=6.0)
    judgement = watching_judge.judge(Program("python", text + RIGHT), problem)
    assert judgement.verdict in expected, judgement
    assert judgement.attempts == 1
