"""Starting sandboxes, and what is said where they cannot be started."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import judge
from judge import SandboxFaultError, SandboxUnavailableError
from judge.sandbox import Exceeded, ProgramFiles, RunRequest, probe_sandbox
from judge.sandbox.bubblewrap import BubblewrapFactory
from judge.sandbox.interpreter import find_interpreter, system_interpreter
from problems.problem import Limits

ECHO = ProgramFiles("solution.py", {"solution.py": b"import sys\nsys.stdout.write(sys.stdin.read())\n"})


def fake_bwrap(directory: Path, script: str) -> None:
    path = directory / "bwrap"
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "bubblewrap 0.9.0"; exit; fi\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    if os.geteuid() != 0:
        return
    for parent in [directory, *directory.parents][:3]:  # root's judge gives up root before it runs bwrap
        parent.chmod(parent.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)


@pytest.fixture
def bin_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_probe() -> None:
    status = probe_sandbox("bubblewrap")
    assert status.ok
    assert status.remedy == ""
    assert status.detail.startswith("bubblewrap 0.")
    assert "memory and processes bounded by " in status.detail


def test_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SandboxUnavailableError, match=r"not installed\nInstall it: sudo apt-get install bubblewrap"
    ):
        BubblewrapFactory()
    status = probe_sandbox("auto")
    assert (status.ok, status.remedy) == (False, "Install it: sudo apt-get install bubblewrap")


def test_too_old(bin_directory: Path) -> None:
    (bin_directory / "bwrap").write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    (bin_directory / "bwrap").chmod(0o755)
    with pytest.raises(SandboxUnavailableError, match=r"says 'bubblewrap 0.4.1', but 0.6 is needed"):
        BubblewrapFactory()


def test_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "release", lambda: "4.18.0-553.el8")
    with pytest.raises(SandboxUnavailableError, match=r"Linux 4.18.0-553.el8\nUse a machine with Linux 5.14"):
        BubblewrapFactory()


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("bwrap: setting up uid map: Permission denied", "apparmor_restrict_unprivileged_userns=0"),
        ("bwrap: No permissions to create new namespace", "user.max_user_namespaces"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "systempaths=unconfined"),
    ],
)
def test_namespaces_not_allowed(said: str, remedy: str, bin_directory: Path, nothing_left: None) -> None:
    fake_bwrap(bin_directory, f'echo "{said}" >&2; exit 1')
    status = probe_sandbox("bubblewrap")
    assert not status.ok
    assert said in status.detail
    assert remedy in status.remedy


def test_other_failure_is_a_fault(bin_directory: Path, nothing_left: None) -> None:
    fake_bwrap(bin_directory, "echo something new >&2; exit 1")
    factory = BubblewrapFactory()
    with pytest.raises(SandboxFaultError, match="did not start: it ended at once: something new"):
        factory.start(ECHO, Limits())
    factory.close()


@pytest.mark.parametrize("size", [0, 1, 65536, 5 << 20])
def test_input_and_output_of_any_size(size: int, any_factory: BubblewrapFactory) -> None:
    data = b"a" * size
    with any_factory.start(ECHO, Limits()) as sandbox:
        for _ in range(2):
            result = sandbox.run(RunRequest(stdin=data, limits=Limits()))
            assert (result.stdout == data, result.exit_code, result.reusable) == (True, 0, True)


@pytest.mark.parametrize(("excess", "exceeded"), [(0, None), (1, Exceeded.OUTPUT)])
def test_output_limit_is_exact(
    excess: int, exceeded: Exceeded | None, any_factory: BubblewrapFactory
) -> None:
    limits = Limits(output_bytes=100_000)
    with any_factory.start(ECHO, limits) as sandbox:
        result = sandbox.run(RunRequest(stdin=b"x" * (limits.output_bytes + excess), limits=limits))
    assert result.exceeded == exceeded
    assert len(result.stdout) == limits.output_bytes


def test_stderr_keeps_head_and_tail(any_factory: BubblewrapFactory) -> None:
    text = b"import sys\nsys.stderr.write('head' + 'x' * 10**6 + 'tail')\n"
    with any_factory.start(ProgramFiles("solution.py", {"solution.py": text}), Limits()) as sandbox:
        stderr = sandbox.run(RunRequest(stdin=b"", limits=Limits())).stderr
    assert stderr.startswith(b"headx")
    assert stderr.endswith(b"xtail")
    assert b"\n... (991816 bytes)\n" in stderr
    assert len(stderr) < 10_000


def test_inputs_scratch_and_collect(any_factory: BubblewrapFactory) -> None:
    text = (
        "import os, sys\nfirst, second, scratch = sys.argv[1:]\n"
        "open(scratch + '/said', 'w').write(open(second).read() + open(first).read() + input())\n"
    )
    request = RunRequest(
        stdin=b"3",
        limits=Limits(),
        arguments=("/proc/self/fd/3", "/proc/self/fd/4", "/box/here"),
        inputs=(b"1", b"2"),
        scratch="/box/here",
        collect="/box/here/said",
    )
    with any_factory.start(ProgramFiles("solution.py", {"solution.py": text.encode()}), Limits()) as sandbox:
        result = sandbox.run(request)
    assert (result.exit_code, result.collected) == (0, b"213"), result


@pytest.mark.parametrize(
    "trick",
    [
        "os.mkfifo('{}')",
        "os.symlink('/etc/passwd', '{}')",
        "os.mkdir('{}')",
        "os.symlink('/dev/zero', '{}')",
        "pass",
        "open('{}', 'w').write('x'); os.chmod('{}', 0)",
    ],
)
def test_collects_regular_files_only(trick: str, any_factory: BubblewrapFactory) -> None:
    text = "import os\n" + trick.replace("{}", "/box/s/said")
    request = RunRequest(stdin=b"", limits=Limits(), scratch="/box/s", collect="/box/s/said")
    with any_factory.start(ProgramFiles("solution.py", {"solution.py": text.encode()}), Limits()) as sandbox:
        result = sandbox.run(request)
    assert (result.exit_code, result.collected) == (0, b""), result


def test_failure_after_success_is_a_fault(bin_directory: Path, any_factory: BubblewrapFactory) -> None:
    """A machine that has started sandboxes can start them: what is short for a moment is tried again."""
    real = shutil.which("bwrap", path=os.environ["PATH"].partition(":")[2])
    off = bin_directory / "off"
    refuse = f"[ -e {off} ] && {{ echo no namespace >&2; exit 1; }}"
    fake_bwrap(bin_directory, f'{refuse}; exec {real} "$@"')
    factory = BubblewrapFactory()
    factory.start(ECHO, Limits()).close()
    off.touch()
    with pytest.raises(SandboxFaultError, match="no namespace"):
        factory.start(ECHO, Limits())
    factory.close()


def test_dead_agent_is_a_fault(
    any_factory: BubblewrapFactory, descendants: Callable[[int], set[int]], nothing_left: None
) -> None:
    before = descendants(os.getpid())
    with any_factory.start(ECHO, Limits()) as sandbox:
        for pid in sorted(descendants(os.getpid()) - before, reverse=True):
            os.kill(pid, 9)
        with pytest.raises(SandboxFaultError, match="agent in the sandbox"):
            sandbox.run(RunRequest(stdin=b"", limits=Limits()))


def test_interpreter_is_ours_below_the_environment() -> None:
    interpreter = find_interpreter(unprivileged=False)
    assert interpreter.version == sys.version_info[:2]
    assert not interpreter.hidden
    assert interpreter.executable.is_relative_to(interpreter.prefix)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_works_as_an_ordinary_user() -> None:
    """The common case where the tests are not root's: no control groups, and no root to give up."""
    own = find_interpreter(unprivileged=True)
    interpreter = system_interpreter() if own.hidden else own
    root = Path(judge.__file__).parent.parent
    if interpreter is None or not all(
        parent.stat().st_mode & stat.S_IXOTH for parent in [root, *root.parents]
    ):
        pytest.skip("an ordinary user can reach no Python 3.11 here, or not this code")
    script = "from judge.sandbox import probe_sandbox; print(probe_sandbox('auto'))"
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    environment = {"PYTHONPATH": str(root), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, str(interpreter.executable), "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert "ok=True" in done.stdout, done.stdout
    assert "bounded by resource limits and sampling" in done.stdout
