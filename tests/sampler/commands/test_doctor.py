from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from sampler.commands import doctor as module
from sampler.commands.doctor import Check, Finding, doctor


def good():
    yield Finding("good", True, "there")


def broken():
    yield Finding("half", True, "there")
    raise ImportError("libmissing.so: cannot open shared object file")


def show(monkeypatch, *checks):
    monkeypatch.setattr(module, "_CHECKS", checks)
    return CliRunner().invoke(doctor)


def test_a_check_that_raises_is_a_finding_and_the_others_go_on(monkeypatch):
    shown = show(monkeypatch, Check("broken", broken), Check("good", good))
    lines = shown.output.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", "half"],
        ["FAIL", "broken"],
        ["remedy:", "pip"],
        ["ok", "good"],
    ]
    assert "ImportError: libmissing.so" in lines[1]
    assert shown.exit_code == 1


def test_what_is_not_needed_fails_no_machine(monkeypatch):
    assert show(monkeypatch, Check("broken", broken, needed=False), Check("good", good)).exit_code == 0


def test_without_torch_the_doctor_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it now fails
    check = next(check for check in module._CHECKS if check.name == "devices")
    (finding,) = check.findings()
    assert not finding.ok
    assert "torch" in finding.detail
    assert finding.remedy


@pytest.mark.parametrize("missing", [True, False])
def test_a_ray_that_does_not_start(monkeypatch, missing):
    def usage(path):
        if missing:
            raise FileNotFoundError(2, "No such file or directory", path)
        return shutil._ntuple_diskusage(2**30, 0, 64 * 2**20)

    failed = subprocess.CompletedProcess([], 1, "", "one\nno space left\n")
    monkeypatch.setattr(module, "_run", lambda command: failed)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    (finding,) = next(check for check in module._CHECKS if check.name == "Ray").findings()
    assert finding.detail.endswith("no space left")
    expected = "/dev/shm cannot be used: No such file" if missing else "/dev/shm has 64 MiB"
    assert expected in finding.remedy


def test_ray_starts_with_a_python_whose_path_has_spaces(tmp_path):
    """A virtual environment in such a place, with the packages of this one."""
    place = tmp_path / "with space"
    venv.create(place)
    (site,) = (place / "lib").glob("python3*/site-packages")
    ours = (Path(module.__file__).parents[2], sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    (site / "ours.pth").write_text("".join(f"{path}\n" for path in ours), encoding="utf-8")
    script = "from sampler.commands.doctor import _ray; print(*_ray())"
    shown = subprocess.run(
        [place / "bin/python", "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    assert "a local Ray started and ran a task" in shown.stdout
