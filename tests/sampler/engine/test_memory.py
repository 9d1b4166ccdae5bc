"""How much memory keys and values may take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sampler.engine.memory import CPU_SHARE, container_bytes, free_bytes, kv_budget, parse_kv_memory

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (None, None),
        (5, 5),
        ("5", 5),
        (0.5, 0.5),
        (" 0.25 ", 0.25),
        ("1.0", 1.0),
        ("8GiB", 8 * 2**30),
        ("500 MB", 500 * 10**6),
        ("1.5KiB", 1536),
    ],
)
def test_sizes_and_shares(given: Any, value: Any) -> None:
    parsed = parse_kv_memory(given)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("given", [0, -1, 0.0, 1.5, True, "", "x", "0", "8 apples", "GiB", "nan", "inf", []])
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="give bytes"):
        parse_kv_memory(given)


def test_a_share_is_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sampler.engine.memory.free_bytes", lambda device: 1000)
    assert kv_budget(0.25, CPU) == 250
    assert kv_budget(None, CPU) == 1000 * CPU_SHARE
    assert kv_budget("4KB", CPU) == 4000


def test_free_memory_is_less_than_all_of_it() -> None:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    assert 2**26 < free_bytes(CPU) < total


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 5\ninactive_file 200"}, [500]),
        ({"memory.max": "1000", "memory.current": "1200", "memory.stat": ""}, [0]),
        ({"memory.max": "max", "memory.current": "700"}, []),
        (
            {
                "memory/memory.limit_in_bytes": "900",
                "memory/memory.usage_in_bytes": "300",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 100",
            },
            [700],
        ),
        ({}, []),
    ],
)
def test_a_container_limits_it(tmp_path: Path, files: dict[str, str], left: list[int]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n", encoding="ascii")
    assert list(container_bytes(tmp_path)) == left
