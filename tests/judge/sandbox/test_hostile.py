"""Programs that attack the judge.

Each gets its verdict, the host is as before, and the next program is judged right.
"""

# ruff: noqa: E501 - a program a line

from __future__ import annotations

from collections.abc import Callable

import pytest

from judge import Judge, Program, Verdict
from problems.problem import Problem

RIGHT = "print(int(input()) + 1)"
AC, WA, TLE, MLE, RE, OLE = Verdict.AC, Verdict.WA, Verdict.TLE, Verdict.MLE, Verdict.RE, Verdict.OLE

HOSTILE: dict[str, tuple[str, set[Verdict]]] = {
    "fork bomb": ("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", {TLE}),
    "fork bomb that fails": ("import os\nwhile True: os.fork()", {RE, TLE}),
    "thread bomb": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
        {RE, TLE},
    ),
    "busy children": ("import os\nfor _ in range(4): os.fork()\nwhile True: pass", {TLE}),
    "busy children, parent waits": (
        "import os\nfor _ in range(3):\n  if os.fork() == 0:\n    while True: pass\nos.wait()",
        {TLE},
    ),
    "memory in children": (
        "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    x = b'x' * (30 << 20); time.sleep(60)\nos.wait()",
        {MLE},
    ),
    "shared memory": (
        "import mmap\nkeep = []\nwhile True:\n  m = mmap.mmap(-1, 1 << 20); m.write(b'x' * (1 << 20)); keep.append(m)",
        {MLE},
    ),
    "large allocation": ("x = bytearray(b'x' * (1 << 34))", {MLE}),
    "big integer": ("x = 10 ** (10 ** 9)", {MLE, TLE}),
    "list of itself": ("a = [0]\nwhile True: a += a", {MLE}),
    "stderr flood": ("import sys\nwhile True: sys.stderr.write('e' * 65536)", {TLE}),
    "white space after the answer": (RIGHT + "\nwhile True: print(' ' * 65536)", {OLE}),
    "output from children": (
        "import os\nfor _ in range(4): os.fork()\nwhile True: os.write(1, b'x' * 65536)",
        {OLE},
    ),
    "one line of 100 MB": ("import sys\nsys.stdout.write('x' * (100 << 20))", {OLE, MLE}),
    "fills the disk": (
        "n = 0\nwhile True:\n  n += 1\n  open(f'/tmp/{n}', 'wb').write(b'x' * (1 << 20))",
        {RE, MLE, TLE},
    ),
    "one huge file": ("f = open('f', 'wb')\nwhile True: f.write(b'x' * (1 << 20))", {RE, MLE}),
    "sparse file": ("open('f', 'wb').truncate(1 << 40)", {RE}),
    "many files": ("import os\nn = 0\nwhile True:\n  n += 1\n  os.mkdir(f'/tmp/{n}')", {RE, TLE, MLE}),
    "deep directories": ("import os\nwhile True:\n  os.mkdir('d'); os.chdir('d')", {RE, TLE, MLE}),
    "descriptors": ("import os\nwhile True: os.dup(0)", {RE}),
    "pipes full of data": (
        "import os\nwhile True:\n  r, w = os.pipe(); os.set_blocking(w, False); os.write(w, b'x' * (1 << 16))",
        {RE},
    ),
    "kills everybody": ("import os\nos.kill(-1, 9)\n" + RIGHT, {AC, RE}),
    "kills everybody and sleeps": (
        "import os, time\ntry: os.kill(-1, 15)\nexcept OSError: pass\ntime.sleep(60)",
        {TLE},
    ),
    "kills the agent": (
        "import os\nfor s in range(1, 65):\n  try: os.kill(1, s)\n  except OSError: pass\n" + RIGHT,
        {AC},
    ),
    "kills its group": ("import os\nos.kill(0, 9)", {RE}),
    "stops itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", {TLE}),
    "stops the agent": ("import os, signal\nos.kill(1, signal.SIGSTOP)\n" + RIGHT, {AC}),
    "ignores signals": (
        "import signal\nfor s in range(1, 65):\n  try: signal.signal(s, signal.SIG_IGN)\n"
        "  except (OSError, ValueError): pass\nwhile True: pass",
        {TLE},
    ),
    "catches everything": (
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        {TLE},
    ),
    "hides its children's time": (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "while True:\n  if os.fork() == 0:\n    t = time.process_time()\n"
        "    while time.process_time() < t + .1: pass\n    os._exit(0)\n  time.sleep(.12)",
        {TLE},
    ),
    "daemon": (
        "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    time.sleep(600)\n  os._exit(0)\n"
        "os.wait()\n" + RIGHT,
        {AC},
    ),
    "daemon that goes on printing": (
        "import os, sys, time\nsys.stdout.flush()\nif os.fork() == 0:\n  os.setsid(); time.sleep(.3)\n"
        "  while True: os.write(1, b'9')\n" + RIGHT,
        {AC},
    ),
    "child answers, parent ends": ("import os, time\nif os.fork() == 0:\n  time.sleep(1); " + RIGHT, {WA}),
    "closes everything": (
        "import os\n" + RIGHT.replace("print", "x = ") + "\nos.closerange(0, 1000)",
        {RE, WA},
    ),
    "writes to every descriptor": (
        "import os\nfor n in range(3, 1024):\n  try: os.write(n, b'D' + b'\\0' * 100); print('open', n)\n"
        "  except OSError: pass\n" + RIGHT,
        {AC},
    ),
    "writes to every process": (
        "import glob\nfor f in glob.glob('/proc/[0-9]*/fd/*') + glob.glob('/proc/1/task/*/mem'):\n"
        "  if '/self/' not in f and f'/{__import__(\"os\").getpid()}/' not in f: open(f, 'wb').write(b'D')\n"
        + RIGHT,
        {AC, RE},
    ),
    "looks for the answer": (
        "import os\nn = int(input())\nfor top in os.listdir('/'):\n  if top not in ('usr', 'proc'):\n"
        "    for root, _, files in os.walk('/' + top):\n"
        "      for f in files:\n        if f.endswith('.ans'): print('found', root, f)\nprint(n + 1)",
        {AC, TLE},
    ),
    "counts its runs": (
        "import os\nn = int(input())\ntry:\n  for d in ('/box', '/tmp', '/dev/shm'): open(d + '/seen', 'x')\n"
        "except FileExistsError: print('seen')\nprint(n + 1)",
        {AC},
    ),
    "waits for the next run": (
        "import os, time\nn = int(input())\nif n == 0 and os.fork() == 0:\n  os.setsid()\n  while True: time.sleep(.01)\n"
        "print(n + sum(p.isdigit() for p in os.listdir('/proc')) - (2 if n else 3) + 1)",
        {AC},
    ),
    "changes the standard library": (
        "import builtins, sys\nbuiltins.int = lambda x: -1\nsys.modules.clear()\nprint(__builtins__.int('1') + 1)",
        {WA, RE},
    ),
    "exhausts the stack": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(*a): return f(*a, *a[:1])\n"
        "class A:\n  def __getattr__(self, n): return getattr(self, n + 'x')\nA().x",
        {RE, MLE, TLE},
    ),
    "nested parentheses": ("(" * 100000, {RE, MLE}),
    "huge constant": ("x = " + "-" * 100000 + "1", {RE, MLE}),
    "large program": ("x = 1\n" * 200000 + RIGHT, {AC, TLE, MLE}),
    "binary program": ("\x7fELF\x00\x01" * 100, {RE}),
    "replaces itself": ("import os, sys\nos.execv('/usr/bin/yes', ['yes'])", {OLE}),
    "re-executes for ever": ("import os, sys\nos.execv(sys.executable, [sys.executable, __file__])", {TLE}),
    "aborts": ("import os\nos.abort()", {RE}),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", {RE}),
    "invalid output": ("import os\nos.write(1, bytes(range(256)) * 100)", {WA}),
    "regular expression": ("import re\nre.match('(a*)*b', 'a' * 100)", {TLE}),
    "raises its limits": (
        "import resource\nfor k in range(16):\n  try: resource.setrlimit(k, (resource.RLIM_INFINITY,) * 2)\n"
        "  except (OSError, ValueError): pass\na = []\nwhile True: a.append(b'x' * 1000000)",
        {MLE},
    ),
    "closes a directory": ("import os\nos.chmod('/tmp', 0)\n" + RIGHT, {AC}),
    "counts in kernel settings": (
        "F = '/proc/sys/kernel/msgmnb'\nn = int(open(F).read()) % 16384\nprint(n + 1)\nopen(F, 'w').write(str(n + 1))",
        {RE},
    ),
    "counts in inode numbers": (
        "import os\nprint(os.fstat(os.open('/tmp', os.O_TMPFILE | os.O_RDWR)).st_ino - 2)",
        {WA},
    ),
    "takes its output back": (
        "import os\nos.fchmod(1, 0o600)\nr = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)\nwhile True:\n"
        "  os.write(1, b'x')\n  try: os.read(r, 65536)\n  except BlockingIOError: pass",
        {RE, TLE},
    ),
    "locks files of the host": ("import fcntl\nfcntl.flock(open('/usr/bin/env'), fcntl.LOCK_EX)\n", {RE}),
    "outlives by vfork": (
        "import os, subprocess\nfor _ in range(20): subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        + RIGHT,
        {AC},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str, judge: Judge, increment: Callable[..., Problem], nothing_left: None) -> None:
    text, expected = HOSTILE[name]
    judgement = judge.judge(
        Program("python", text), increment(2, cpu_seconds=0.5, wall_seconds=1.5, processes=32)
    )
    assert judgement.verdict in expected, judgement
    assert judgement.attempts == 1
    right = judge.judge(Program("python", RIGHT), increment(2))
    assert right.verdict == Verdict.AC, right
