"""The check of a GPU, as far as it goes without one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import check_gpu
import pytest
import torch


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there: the script would run its checks")
def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["check_gpu.py", "--out", str(out)])
    assert check_gpu.main() == 2
    assert "no GPU" in capsys.readouterr().err
    assert not out.exists()


def test_a_check_that_breaks_off_has_failed(tmp_path: Path) -> None:
    report = check_gpu.Report({"device": "none"})
    report.check("a", True, size=3)
    assert report.save(tmp_path / "found.json")
    with report.guard("b"):
        raise ValueError("broken")
    assert not report.save(tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert [check["passed"] for check in found["checks"]] == [True, False]
    assert found["checks"][1]["error"] == "ValueError: broken"


def test_the_operation_agrees_with_the_oracle() -> None:
    report = check_gpu.Report({})
    check_gpu.check_operation(report, torch.device("cpu"), torch.float32)
    assert report.checks[0]["passed"]
