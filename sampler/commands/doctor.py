"""`orchard doctor`."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import click

_REINSTALL = "pip install orchard-sampler -c constraints.txt"


@dataclass(frozen=True)
class Finding:
    """What one check found. `needed` is False for what a run can do without."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True)
class Check:
    """A check of one part: `run` yields what it finds, and may raise where the part is broken."""

    name: str
    run: Callable[[], Iterator[Finding]]
    needed: bool = True

    def findings(self) -> Iterator[Finding]:
        """Yield the findings. The doctor sees broken machines: what a check raises is a finding too."""
        try:
            yield from self.run()
        except Exception as error:
            detail = f"the check failed with {type(error).__name__}: {error}"
            yield Finding(self.name, False, detail, _REINSTALL, self.needed)


@click.command()
def doctor() -> None:
    """Check Python, packages, devices, sandbox, Docker and Ray; exit status 1 if a run cannot work."""
    failed = False
    for check in _CHECKS:
        for finding in check.findings():
            failed |= finding.needed and not finding.ok
            _print(finding)
    if failed:
        raise SystemExit(1)


def _print(finding: Finding) -> None:
    marks = {
        (True, True): ("ok  ", "green"),
        (True, False): ("ok  ", "green"),
        (False, True): ("FAIL", "red"),
    }
    text, colour = marks.get((finding.ok, finding.needed), ("none", "yellow"))
    click.echo(f"{click.style(text, fg=colour)} {finding.name:14} {finding.detail}")
    if not finding.ok and finding.remedy:
        click.echo(f"     {'':14} remedy: {finding.remedy}")


def _python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    yield Finding(
        "Python", good, f"{platform.python_version()} at {sys.executable}", "install Python 3.11 or later"
    )


def _packages() -> Iterator[Finding]:
    for name in ("torch", "transformers", "ray", "datasets"):
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, False, "not installed", _REINSTALL)


def _devices() -> Iterator[Finding]:
    import os

    import torch

    from sampler.pipeline.cores import usable_cores

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding("CPU", True, f"{usable_cores()} usable cores, {memory:.0f} GiB memory")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    detail = ", ".join(names) or "none that torch can use; models run on the CPU"
    yield Finding("GPU", bool(names), detail, needed=False)


def _sandbox() -> Iterator[Finding]:
    from judge.sandbox import SANDBOXES, probe_sandbox

    for name in SANDBOXES:
        status = probe_sandbox(name)
        yield Finding(name, status.ok, status.detail, status.remedy)


def _docker() -> Iterator[Finding]:
    client = shutil.which("docker")
    if client is None:
        yield Finding("Docker", False, "not installed; nothing needs it yet", needed=False)
        return
    probe = _run([client, "version", "--format", "{{.Server.Version}}"])
    detail = f"engine {probe.stdout.strip()}" if probe.returncode == 0 else "the client finds no engine"
    yield Finding("Docker", probe.returncode == 0, f"{detail}; nothing needs it yet", needed=False)


def _ray() -> Iterator[Finding]:
    """Start a local Ray in a process of its own, as a run would, and call a task on it."""
    script = (
        "import os, ray; from sampler.pipeline.cluster import python_of_workers; "
        "os.environ['RAY_USAGE_STATS_ENABLED'] = '0'; "
        "ray.init(address='local', include_dashboard=False, num_cpus=1, log_to_driver=False, "
        "logging_level='ERROR', **python_of_workers()); "
        "f = ray.remote(lambda: 42); assert ray.get(f.remote(), timeout=60) == 42"
    )
    probe = _run([sys.executable, "-c", script])
    if probe.returncode == 0:
        yield Finding("Ray", True, "a local Ray started and ran a task")
        return
    last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
    remedy = f"free memory and space ({_shared_memory()}, Ray wants 100 MiB or more, /tmp must be writable)"
    yield Finding("Ray", False, f"a local Ray did not start: {last}", remedy)


def _shared_memory() -> str:
    where = "/dev/shm"  # noqa: S108  Ray's own place
    try:
        return f"{where} has {shutil.disk_usage(where).free >> 20} MiB"
    except OSError as error:
        return f"{where} cannot be used: {error.strerror}"


def _demo_model() -> Iterator[Finding]:
    from sampler.engine import EngineError
    from sampler.engine.tokenization import load_tokenizer

    try:
        tokenizer = load_tokenizer("demo")
    except EngineError as error:
        yield Finding("bundled model", False, str(error), _REINSTALL)
        return
    yield Finding("bundled model", True, f"there, {len(tokenizer)} tokens")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "no answer within 120 s")


_CHECKS = (
    Check("Python", _python),
    Check("packages", _packages),
    Check("devices", _devices),
    Check("sandbox", _sandbox),
    Check("Docker", _docker, needed=False),
    Check("Ray", _ray),
    Check("bundled model", _demo_model),
)
