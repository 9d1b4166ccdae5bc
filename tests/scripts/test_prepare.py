"""The set-up that quickstart, test and check share, in a copy of it whose path has spaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUB = """#!/bin/sh
[ "$2" = pip ] && exit 0  # python -m pip --version
echo "in $PWD: $0 $*"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    clone = tmp_path / "a clone"
    shutil.copytree(ROOT / "scripts", clone / "scripts", ignore=shutil.ignore_patterns("*.py", "demo*"))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, clone)
    return clone


def sourced(clone: Path, commands: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What bash says to `commands` after it has read scripts/prepare."""
    return subprocess.run(
        ["bash", "-c", f'source "$1/scripts/prepare"\n{commands}', "bash", clone],
        capture_output=True,
        text=True,
        env=os.environ | variables,
    )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def prepared(clone: Path) -> Path:
    """A clone in which everything is in place, with stand-ins for Python and orchard."""
    for name in ("python", "orchard"):
        executable(clone / ".venv/bin" / name, STUB)
    (clone / ".venv/.place").write_text(f"{clone}\n", encoding="utf-8")
    stamped = sourced(clone, "cat pyproject.toml constraints.txt | cksum >.venv/.prepared")
    assert stamped.returncode == 0
    return clone


@pytest.mark.parametrize("shell", [[], ["sh"], ["bash"]])
def test_quickstart_runs_in_the_directory_of_the_caller(prepared: Path, tmp_path: Path, shell: list[str]):
    executable(tmp_path / "bin/bwrap", "#!/bin/sh\n")
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    done = subprocess.run(
        [*shell, "../a clone/scripts/quickstart", "--out", "my run"],
        capture_output=True,
        text=True,
        cwd=elsewhere,
        env=os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
    )
    assert done.stdout == f"in {elsewhere}: {prepared}/.venv/bin/orchard run --out my run\n", done.stderr


def test_a_moved_or_half_made_environment_is_made_anew(prepared: Path):
    assert sourced(prepared, "venv_is_whole").returncode == 0
    moved = prepared.rename(prepared.with_name("moved here"))
    assert sourced(moved, "venv_is_whole").returncode == 1
    moved = moved.rename(prepared)
    executable(moved / ".venv/bin/python", "#!/bin/sh\nexit 1\n")
    assert sourced(moved, "venv_is_whole").returncode == 1
    done = sourced(moved, 'make_venv() { echo "made anew"; exit; }; prepare_venv ""')
    assert done.stdout == "made anew\n"


def test_a_python_that_is_not_there_is_named(clone: Path):
    done = sourced(clone, "find_python", PYTHON="/no such/python3")
    assert done.returncode == 1
    assert "Orchard needs Python 3.11 or later, and found none as /no such/python3" in done.stderr
    assert sourced(clone, "find_python", PYTHON=sys.executable).stdout == f"{sys.executable}\n"


def test_a_python_without_venv_names_its_own_package(clone: Path, tmp_path: Path):
    refusing = executable(
        tmp_path / "my python",
        f'#!/bin/sh\n[ "$2" = "import ensurepip" ] && exit 1\nexec "{sys.executable}" "$@"\n',
    )
    done = sourced(clone, "system_packages() { return 1; }; make_venv", PYTHON=str(refusing))
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert done.returncode == 1
    assert done.stderr.endswith(f"run: sudo apt-get install {package}\n")
    assert not (clone / ".venv").exists()


def test_pip_without_a_network_is_one_line_with_the_remedy(prepared: Path):
    (prepared / ".venv/.prepared").unlink()
    executable(
        prepared / ".venv/bin/python",
        '#!/bin/sh\n[ "$3" = --version ] && exit 0\n'
        "echo 'WARNING: Retrying' >&2; echo '   ERROR: No matching distribution found for x' >&2; exit 1\n",
    )
    done = sourced(prepared, 'prepare_venv ""')
    assert done.returncode == 1
    assert not (prepared / ".venv/.prepared").exists()
    (line,) = [line for line in done.stderr.splitlines() if "==>" not in line]
    assert line.startswith("pip failed: No matching distribution found for x; with a network")
    assert f"{prepared}/.venv/pip.log" in line
