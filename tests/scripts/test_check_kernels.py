"""The GPU kernels compile for chips that are not here, within bounds; and what is beyond them is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is for Linux only")
SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("triton")


def check(code: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Runs `code` after the script's import, in a process whose Triton compiles."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; import check_kernels as c; {code}"],
        cwd=SCRIPTS,
        env={**os.environ, "TRITON_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )


def test_kernels_are_within_bounds(cache: Path) -> None:
    done = check("sys.exit(c.main(['--quick']))", cache)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "all within bounds: no spills, and they fit"
    kernels = ["nodes", "suffixes", "merge", "write"] * 2 + ["draw", "greedy"]
    found = [re.match(r"(\w+) .* (?:bf16|fp32) +(\d+) ", line) for line in lines[1:-1]]
    assert [one and one.groups() for one in found] == [
        (name, arch) for arch in ("80", "90") for name in kernels
    ]


def test_what_is_beyond_a_bound_is_said(cache: Path) -> None:
    chosen = ["--quick", "--arch", "90", "--only", "nodes decode 256"]
    done = check(f"c.SHARED_KIB[90] = 1; sys.exit(c.main({chosen}))", cache)
    assert done.returncode == 1, done.stderr
    assert "bytes of shared memory are over 1024" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 out of bounds"
