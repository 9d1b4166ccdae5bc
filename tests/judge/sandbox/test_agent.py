"""A program under the agent does what it does under a plain `python3 solution.py < input`."""

# ruff: noqa: E501 - a program a line

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from judge.sandbox import ProgramFiles, RunRequest
from judge.sandbox.base import PROGRAM_DIR
from judge.sandbox.bubblewrap import BubblewrapFactory
from problems.problem import Limits

INPUT = b"7\n\xc3\xa4 \xff\r\nlast line without an end"
LIMITS = Limits(cpu_seconds=10.0, memory_bytes=512 << 20)
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONINTMAXSTRDIGITS": "0",
    "PATH": "/usr/bin:/bin",
}

CORPUS = {
    "nothing": "",
    "input": "print(repr(input()), repr(input()), repr(input()))",
    "input to the end": "while True: print(len(input()))",
    "prompt": "x = input('how many? '); print(x)",
    "iterate stdin": "import sys\nfor line in sys.stdin: print(ascii(line))",
    "stdin buffer": "import sys; print(sys.stdin.buffer.read())",
    "stdin read": "import sys; print(ascii(sys.stdin.read()))",
    "stdin seek": "import sys; sys.stdin.read(); sys.stdin.seek(0); print(sys.stdin.readline(), sys.stdin.tell())",
    "open 0": "print(open(0, 'rb').read())",
    "open /dev/stdin": "print(open('/dev/stdin', 'rb').read())",
    "os.read": "import os; print(os.read(0, 5), os.read(0, 1000), os.read(0, 10))",
    "fstat": "import os, stat; s = os.fstat(0); print(s.st_size, stat.S_ISREG(s.st_mode))",
    "mmap": "import mmap; print(mmap.mmap(0, 0, access=mmap.ACCESS_READ)[:])",
    "write to stdin": "import os; os.write(0, b'x')",
    "fileinput": "import fileinput; print([len(line) for line in fileinput.input(encoding='latin-1')])",
    "unicode out": "print('ä€😀')",
    "surrogates out": "import sys; print('\\udcff', file=sys.stdout); print('\\ud800')",
    "stderr": "import sys; print('a', file=sys.stderr); print('\\ud800', file=sys.stderr)",
    "bytes out": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    "streams": (
        "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
        "  print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.newlines, s.isatty())\n"
        "  print(type(s.buffer), s.fileno(), s.seekable() if s is sys.stdin else '')"
    ),
    "globals": "print(sorted(globals()), __name__, __doc__, __spec__, __package__, __builtins__)",
    "file": "import os, sys; print(os.path.basename(__file__), len(sys.argv), sys.argv[0] == __file__)",
    "path": "import os, sys; print(sys.path[0] == os.path.dirname(__file__))",
    "reads itself": "print(open(__file__).read())",
    "builtins": "import builtins; print(sorted(vars(builtins)))",
    "site builtins": "print(exit, quit, copyright, license)",
    "recursion limit": "import sys; print(sys.getrecursionlimit())",
    "recursion error": "def f(n): return f(n + 1)\nf(0)",
    "deepest recursion": "d = 0\ndef f():\n  global d\n  d += 1\n  f()\ntry: f()\nexcept RecursionError: print(d)",
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(10**5))"
    ),
    "deep recursion in a thread": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**27)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "t = threading.Thread(target=lambda: print(f(10**5)))\nt.start(); t.join()"
    ),
    "exit 3": "import sys; print(1); sys.exit(3)",
    "exit 300": "import sys; sys.exit(300)",
    "exit text": "import sys; sys.exit('sorry')",
    "exit none": "raise SystemExit",
    "exit()": "exit()",
    "quit(5)": "print(1)\nquit(5)",
    "exit in a function": "def f():\n  try: raise SystemExit(4)\n  finally: print('finally')\nf()",
    "os._exit": "import os; print('lost'); os._exit(7)",
    "exception": "def f(): return 1 / 0\nprint('before')\nf()",
    "chained": "try: {}['k']\nexcept KeyError as e: raise ValueError('v') from e",
    "exception group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "note": "e = ValueError('x'); e.add_note('a note'); raise e",
    "assertion": "assert 1 == 2, 'no'",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1 / 0",
    "excepthook fails": "import sys\nsys.excepthook = lambda *a: 1 / 0\nraise ValueError",
    "name error hint": "total = 1\nprint(totl)",
    "import error": "import numpy_of_course_not",
    "syntax error": "print(1)\nif True print(2)",
    "indentation": "def f():\nreturn 1",
    "tabs": "if True:\n        x = 1\n\ty = 2",
    "null byte": "print(1)\0",
    "bom": "\ufeffprint('bom')",
    "coding": "# -*- coding: latin-1 -*-\nprint(len('ä'))",
    "bad coding": "# coding: no-such\nprint(1)",
    "bad utf-8": b"print('\xff')",
    "carriage returns": "print(1)\r\nprint(2)\r\n",
    "form feed": "\fprint(1)",
    "annotations": "from __future__ import annotations\nx: undefined = 1\nprint(__annotations__)",
    "walrus": "if (n := int(input())) > 5: print(n)",
    "warning": "print('\\d' == r'\\d')",
    "atexit": "import atexit; atexit.register(print, 'bye'); print('hello')",
    "atexit fails": "import atexit; atexit.register(lambda: 1 / 0)",
    "thread outlives main": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('t'))).start()",
    "daemon thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint(1)"
    ),
    "thread fails": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T'); t.start(); t.join()",
    "pool": "from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as p: print(list(p.map(abs, range(-5, 5))))",
    "multiprocessing": (
        "import multiprocessing as m\ndef f(x): return x * x\n"
        "if __name__ == '__main__':\n  with m.Pool(2) as p: print(p.map(f, range(10)))"
    ),
    "multiprocessing spawn": (
        "import multiprocessing as m\ndef f(q): q.put(42)\nif __name__ == '__main__':\n  c = m.get_context('spawn')\n"
        "  q = c.SimpleQueue(); p = c.Process(target=f, args=(q,)); p.start(); print(q.get()); p.join(); print(p.exitcode)"
    ),
    "subprocess": "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'print(6 * 7)']).returncode)",
    "fork": "import os\nif os.fork() == 0: print('child'); os._exit(0)\nos.wait(); print('parent')",
    "pickle main": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
    "del at exit": "class A:\n  def __del__(self): print('deleted')\na = A()",
    "finalizer": "import weakref\nclass A: pass\na = A(); weakref.finalize(a, print, 'finalized')",
    "close stdout": "import sys; print(1); sys.stdout.close()",
    "close 1": "import os; print(1); os.close(1)",
    "close all": "import os; os.closerange(0, 100)",
    "broken stdout": "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); print(1)",
    "replace stdout": "import io, sys; sys.stdout = io.StringIO(); print(1)",
    "kill": "import os; print(1, flush=True); os.kill(os.getpid(), 9)",
    "segmentation fault": "import ctypes; ctypes.string_at(0)",
    "sigterm handler": "import os, signal\nsignal.signal(15, lambda *a: print('term'))\nos.kill(os.getpid(), 15)",
    "signal handlers": "import signal; print([(s, signal.getsignal(s)) for s in (2, 10, 13, 14, 15, 17, 25)][1:])",
    "sigint": "import os, signal\ntry: os.kill(os.getpid(), 2); import time; time.sleep(1)\nexcept KeyboardInterrupt: print(2)",
    "sigpipe": "import signal; print(signal.getsignal(signal.SIGPIPE))",
    "mask": "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    "alarm": "import signal\nsignal.alarm(1)\nsignal.pause()",
    "hash": "print(hash('orchard'), sorted({'a', 'b', 'c'}), list({'x', 'y', 'zz'}))",
    "huge integer": "print(len(str(10**20000)))",
    "seeded": "import random; random.seed(1); print(random.random())",
    "decimal": "from decimal import Decimal; print(Decimal(1) / 7)",
    "environment": "import os; print(os.environ['LANG'], os.environ['PYTHONHASHSEED'], 'PYTHONPATH' in os.environ)",
    "umask, cwd": "import os; print(os.listdir('.'), os.umask(0))",
    "files": "open('f.txt', 'w').write('x'); print(open('f.txt').read())",
    "tempfile": "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x'); print(f.tell())",
    "asyncio": "import asyncio\nasync def f(): await asyncio.sleep(0.01); return 1\nprint(asyncio.run(f()))",
    "locale": "import locale; print(locale.getpreferredencoding())",
    "gc": "import gc; print(gc.isenabled(), gc.get_threshold())",
    "trace": "import sys; print(sys.gettrace(), sys.getprofile(), sys.getswitchinterval())",
    "thread names": "import threading; print(threading.main_thread().name, threading.active_count())",
    "frames": "import sys; print(sys._getframe().f_back, len(sys._current_frames()))",
    "flags": "import sys; print(sys.flags.optimize, sys.flags.isolated, sys.flags.utf8_mode, __debug__)",
    "no limits": "import resource; print(resource.getrlimit(resource.RLIMIT_STACK)[0] >= 8 << 20)",
    "set stack limit": (
        "import resource as r; hard = r.getrlimit(r.RLIMIT_STACK)[1]; r.setrlimit(r.RLIMIT_STACK, (hard, hard)); print(1)"
    ),
}


@pytest.fixture(scope="module")
def factory() -> Iterator[BubblewrapFactory]:
    factory = BubblewrapFactory()
    yield factory
    factory.close()


def plain(text: bytes, directory: Path) -> tuple[bytes, bytes, int]:
    script, stdin = directory / "solution.py", directory / "in"
    script.write_bytes(text)
    stdin.write_bytes(INPUT)
    work = directory / "work"
    work.mkdir()
    with stdin.open("rb") as file:
        command = [getattr(sys, "_base_executable", sys.executable), "-s", str(script)]
        done = subprocess.run(
            command, stdin=file, capture_output=True, cwd=work, env=ENVIRONMENT, check=False
        )
    return done.stdout, _same_path(done.stderr, str(directory)), done.returncode


def _same_path(text: bytes, directory: str) -> bytes:
    return re.sub(rb"0x[0-9a-f]+", b"<address>", text.replace(directory.encode(), b"<dir>"))


@pytest.mark.parametrize("name", CORPUS)
def test_as_plain_python(name: str, factory: BubblewrapFactory, tmp_path: Path) -> None:
    text = CORPUS[name]
    text = text if isinstance(text, bytes) else text.encode()
    expected = plain(text, tmp_path)
    with factory.start(ProgramFiles("solution.py", {"solution.py": text}), LIMITS) as sandbox:
        first = sandbox.run(RunRequest(stdin=INPUT, limits=LIMITS))
        results = [first, sandbox.run(RunRequest(stdin=INPUT, limits=LIMITS))] if first.reusable else [first]
    for result in results:
        status = result.exit_code if result.signal is None else -result.signal
        assert (result.stdout, _same_path(result.stderr, PROGRAM_DIR), status) == expected
        assert result.exceeded is None
