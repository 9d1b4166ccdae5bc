"""What a program finds when it looks around: nothing of the host."""

# ruff: noqa: E501 - programs

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import judge
from judge.sandbox import ProgramFiles, RunRequest, RunResult
from judge.sandbox.bubblewrap import BubblewrapFactory
from problems.problem import Limits

REPOSITORY = Path(judge.__file__).parent.parent
ATTEMPT = """
import ctypes, errno, os, socket, sys
def attempt(name, action):
    try: print(name, "->", action())
    except OSError as error: print(name, "->", errno.errorcode[error.errno])
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) < 0: raise OSError(ctypes.get_errno(), "")
    return "allowed"
"""


@pytest.fixture
def look(any_factory: BubblewrapFactory) -> Callable[[str], RunResult]:
    def run(text: str) -> RunResult:
        files = ProgramFiles("solution.py", {"solution.py": (ATTEMPT + text).encode()})
        with any_factory.start(files, Limits()) as sandbox:
            return sandbox.run(RunRequest(stdin=b"", limits=Limits()))

    return run


def answers(result: RunResult) -> dict[str, str]:
    assert result.exit_code == 0, result.stderr.decode()
    return dict(line.split(" -> ") for line in result.stdout.decode().splitlines())


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/etc/shadow",
            "/etc/hostname",
            "/etc/ssh",
            "/home",
            "/root/.ssh",
            "/root/.bashrc",
            "/var",
            "/sys",
            "/run",
        ),
        *(
            "/mnt",
            "/media",
            "/opt",
            "/srv",
            "/usr/local/bin",
            "/usr/src",
            "/usr/share/doc",
            "/boot",
            "/oldroot",
        ),
        *(str(REPOSITORY), __file__, str(Path.home() / ".cache"), "/newroot", "/.dockerenv"),
    ],
)
def test_host_files_are_absent(path: str, look: Callable[[str], RunResult]) -> None:
    assert look(f"print(os.path.exists({path!r}))").stdout == b"False\n"


def test_directories(look: Callable[[str], RunResult]) -> None:
    """A directory may be there that leads to the interpreter, and then leads nowhere else."""
    home = Path(os.path.realpath(sys._base_executable)).parts[1]
    known = {
        "agent",
        "bin",
        "box",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "program",
        "tmp",
        "usr",
    }
    found = set(look("print(*os.listdir('/'))").stdout.decode().split())
    assert found <= known | {home}
    etc = set(look("print(*os.listdir('/etc'))").stdout.decode().split())
    assert etc <= {"passwd", "group", "ld.so.cache", "localtime"}
    assert look("print(os.listdir('/tmp') + os.listdir('/box') + os.listdir('/dev/shm'))").stdout == b"[]\n"


def test_installed_packages_are_absent(look: Callable[[str], RunResult]) -> None:
    script = (
        "for name in ('numpy', 'pytest', 'judge', 'problems', 'pip'):\n"
        "  try: __import__(name); print(name)\n  except ImportError: pass\n"
        "import glob\n"
        "for where in ('/usr/lib*', '/usr/local/lib', sys.prefix + '/lib'):\n"
        "  print(*glob.glob(where + '/python*/*-packages/*'), end='')\n"
    )
    assert look(script).stdout == b""


def test_environment_is_fixed(look: Callable[[str], RunResult], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    names = set(look("print(*os.environ)").stdout.decode().split())
    assert names == {"PATH", "HOME", "LANG", "PWD", "PYTHONHASHSEED", "PYTHONINTMAXSTRDIGITS"}
    script = "import glob\nfor f in glob.glob('/proc/[0-9]*/environ'):\n  attempt(f, lambda: open(f).read())"
    assert "hunter2" not in look(script).stdout.decode()


def test_processes(look: Callable[[str], RunResult]) -> None:
    script = (
        "print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()) == [1, os.getpid()], os.getppid())"
    )
    assert look(script).stdout == b"True 1\n"


def test_descriptors(look: Callable[[str], RunResult]) -> None:
    script = "print([n for n in range(3, 5000) if os.path.lexists(f'/proc/self/fd/{n}')])"
    assert look(script).stdout == b"[]\n"


def test_identity(look: Callable[[str], RunResult]) -> None:
    script = "import pwd; print(os.getresuid(), os.getgroups(), pwd.getpwuid(os.getuid()).pw_name, os.uname().nodename)"
    assert look(script).stdout.startswith(b"(1000, 1000, 1000) [")
    assert look(script).stdout.endswith(b"] runner sandbox\n")
    capabilities = (
        "print([l.split()[1] for l in open('/proc/self/status') if l[:6] in ('CapEff', 'CapPrm', 'CapBnd')])"
    )
    assert look(capabilities).stdout == b"['0000000000000000', '0000000000000000', '0000000000000000']\n"
    assert b"NoNewPrivs:\t1" in look("print(open('/proc/self/status').read())").stdout


def test_agent_is_out_of_reach(look: Callable[[str], RunResult]) -> None:
    found = answers(
        look(
            "import resource\n"
            "for name in ('mem', 'environ', 'maps', 'cwd', 'root', 'fd', 'syscall', 'stack'):\n"
            "  p = f'/proc/1/{name}'\n"
            "  attempt(name, lambda: (os.listdir(p) if name == 'fd' else os.readlink(p) "
            "if name in ('cwd', 'root') else open(p, 'rb').read(1)))\n"
            "attempt('write mem', lambda: open('/proc/1/mem', 'wb'))\n"
            "attempt('adjust', lambda: open('/proc/1/oom_score_adj', 'w').write('1000'))\n"
            "attempt('limits', lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)))\n"
            "attempt('processors', lambda: os.sched_setaffinity(1, {0}))\n"
            "attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))\n"
            "attempt('everybody', lambda: os.setpriority(os.PRIO_USER, 0, 19))\n"
            "attempt('scheduler', lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))\n"
            "attempt('pidfd', lambda: call(438, os.pidfd_open(1), 0, 0))\n"
        )
    )
    assert set(found.values()) <= {"EACCES", "EPERM", "ENOENT", "EROFS"}, found
    assert len(found) == 16


def test_network(look: Callable[[str], RunResult]) -> None:
    with socket.socket(socket.AF_UNIX) as ours, socket.create_server(("127.0.0.1", 0)) as server:
        ours.bind("\0orchard-test")
        ours.listen()
        found = answers(
            look(
                "def connect(family, address):\n  with socket.socket(family) as s: s.connect(address)\n"
                f"attempt('loopback', lambda: connect(socket.AF_INET, {server.getsockname()!r}))\n"
                "attempt('world', lambda: connect(socket.AF_INET, ('1.1.1.1', 53)))\n"
                "attempt('v6', lambda: connect(socket.AF_INET6, ('::1', 53)))\n"
                "attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))\n"
                "attempt('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))\n"
                "attempt('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))\n"
                "attempt('vsock', lambda: socket.socket(socket.AF_VSOCK))\n"
                "attempt('alg', lambda: socket.socket(socket.AF_ALG))\n"
                "attempt('abstract', lambda: connect(socket.AF_UNIX, '\\0orchard-test'))\n"
                "attempt('pair', lambda: len(socket.socketpair()))\n"
            )
        )
    assert found.pop("pair") == "2"
    assert found.pop("abstract") == "ECONNREFUSED"
    assert set(found.values()) == {"EACCES"}, found


def test_forbidden_calls(look: Callable[[str], RunResult]) -> None:
    found = answers(
        look(
            "x86 = os.uname().machine == 'x86_64'\n"
            "calls = dict(ptrace=(101, 117), unshare=(272, 97), setns=(308, 268), mount=(165, 40), keyctl=(250, 219),\n"
            "  add_key=(248, 217), bpf=(321, 280), io_uring_setup=(425, 425), perf_event_open=(298, 241),\n"
            "  userfaultfd=(323, 282), process_vm_readv=(310, 270), pivot_root=(155, 41), chroot=(161, 51),\n"
            "  reboot=(169, 142), sethostname=(170, 161), shmget=(29, 194), msgget=(68, 186), semget=(64, 190),\n"
            "  flock=(73, 32), memfd_create=(319, 279), fsopen=(430, 430), open_by_handle_at=(304, 265), personality=(135, 92))\n"
            "for name, numbers in calls.items(): attempt(name, lambda: call(numbers[not x86], 0, 0, 0, 0, 0, 0))\n"
            "new_user = 0x10000000\n"
            "attempt('clone', lambda: call(56 if x86 else 220, new_user | 17, 0, 0, 0, 0))\n"
            "attempt('clone3', lambda: call(435, 0, 0))\n"
            "attempt('tiocsti', lambda: call(16 if x86 else 29, 0, 0x5412, b'x'))\n"
        )
    )
    assert found.pop("memfd_create") == found.pop("clone3") == "ENOSYS"
    assert set(found.values()) == {"EPERM"}, found


def test_read_only(look: Callable[[str], RunResult]) -> None:
    found = answers(
        look(
            "import sysconfig\n"
            "for d in ('/', '/usr', '/usr/bin', '/etc', '/program', '/agent', '/dev', '/proc', '/proc/sys/kernel',\n"
            "          sysconfig.get_paths()['stdlib'], sysconfig.get_paths()['purelib']):\n"
            "  attempt(d, lambda: open(d + '/new', 'w'))\n"
            "attempt('program', lambda: open(__file__, 'a'))\n"
            "attempt('chmod', lambda: os.chmod(__file__, 0o777))\n"
            "attempt('device', lambda: os.mknod('/box/null', 0o20666, os.makedev(1, 3)))\n"
            "attempt('sysctl', lambda: open('/proc/sys/kernel/hostname', 'w').write('x'))\n"
            "attempt('terminals', lambda: os.utime('/dev/pts', (1, 1)))\n"
            "attempt('terminal', os.openpty)\n"
        )
    )
    assert set(found.values()) <= {"EROFS", "EACCES", "EPERM", "ENOENT"}, found


def test_no_kernel_setting_can_be_changed(look: Callable[[str], RunResult]) -> None:
    """Those of the sandbox's own namespaces would carry a number from one run to the next."""
    script = (
        "for root, _, files in os.walk('/proc/sys'):\n"
        "  for file in files:\n"
        "    try: os.close(os.open(f'{root}/{file}', os.O_WRONLY)); print(root, file)\n"
        "    except OSError: pass\n"
    )
    assert look(script).stdout == b""


def test_looking_leaves_no_trace(look: Callable[[str], RunResult]) -> None:
    """Neither the agent's statistics nor any access time tells what earlier runs did."""
    script = (
        "print(os.listdir('/proc/1'))\n"
        "for d in ('/proc', '/proc/tty', '/dev/pts', '/program', '/usr/bin'):\n"
        "  before = os.stat(d).st_atime_ns; os.listdir(d); print(os.stat(d).st_atime_ns == before)\n"
    )
    assert look(script).stdout.split() == [b"[]", *[b"True"] * 5]


def test_output_can_be_opened_by_name(look: Callable[[str], RunResult]) -> None:
    script = (
        "for name in ('stdout', 'fd/1', 'stderr'):\n"
        "  with open('/dev/' + name, 'w') as file: print(name, file=file)\n"
    )
    result = look(script)
    assert (result.stdout, result.stderr, result.exit_code) == (b"stdout\nfd/1\n", b"stderr\n", 0)


def test_input_cannot_be_changed(look: Callable[[str], RunResult]) -> None:
    found = answers(
        look(
            "attempt('write', lambda: os.write(0, b'x'))\n"
            "attempt('reopen', lambda: os.write(os.open('/proc/self/fd/0', os.O_RDWR), b'x'))\n"
            "attempt('truncate', lambda: os.truncate('/proc/self/fd/0', 100))\n"
        )
    )
    assert set(found.values()) <= {"EBADF", "EPERM", "EACCES"}, found


def test_nothing_stays_for_the_next_run(any_factory: BubblewrapFactory) -> None:
    text = "import os, sys\nif input() == 'leave':\n  exec(sys.stdin.read())\n"
    text += "print(os.listdir('/box') + os.listdir('/tmp') + os.listdir('/dev/shm'))\n"
    traces = (
        "open('/box/f', 'w')",
        "open('/tmp/.f', 'w')",
        "os.mkdir('/dev/shm/d')",
        "open('/tmp/f', 'w'); os.unlink('/tmp/f')",
        "os.utime('/box', (1, 1))",
        "os.chmod('/tmp', 0o700)",
        "os.setxattr('/box', 'user.n', b'1')",
        "import multiprocessing as m; m.Semaphore()",
        "os.chmod('/dev/shm', 0)",
        "os.close(os.open('/tmp', os.O_TMPFILE | os.O_RDWR))",
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
    )
    files = ProgramFiles("solution.py", {"solution.py": text.encode()})
    for trace in traces:
        with any_factory.start(files, Limits()) as sandbox:
            assert sandbox.run(RunRequest(stdin=b"clean\n", limits=Limits())).reusable
            result = sandbox.run(RunRequest(stdin=b"leave\n" + trace.encode(), limits=Limits()))
            assert not result.reusable, (trace, result)
