from __future__ import annotations

import os

import pytest

from sampler.pipeline.cores import usable_cores


@pytest.fixture
def sixteen(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n", encoding="ascii")


@pytest.mark.parametrize(
    ("group", "parent", "cores"),
    [
        ("max 100000", "max 100000", 16),
        ("400000 100000", "max 100000", 4),
        ("max 100000", "250000 100000", 2),
    ],
)
def test_version_2(tmp_path, sixteen, group, parent, cores):
    write(tmp_path / "a", cpu__max=parent)
    write(tmp_path / "a" / "b", cpu__max=group)
    write(tmp_path, membership="0::/a/b")
    assert usable_cores(tmp_path, tmp_path / "membership") == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, 16), (300000, 3), (50000, 1)])
@pytest.mark.parametrize("seen", [True, False])  # a container may be told the host's path
def test_version_1(tmp_path, sixteen, quota, cores, seen):
    group = tmp_path / "cpu,cpuacct" / ("docker/1" if seen else "")
    write(group, cpu__cfs_quota_us=quota, cpu__cfs_period_us=100000)
    write(tmp_path, membership="5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/docker/1")
    assert usable_cores(tmp_path, tmp_path / "membership") == cores


def test_affinity_alone_where_there_are_no_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5})
    assert usable_cores(tmp_path, tmp_path / "membership") == 2


def test_this_machine():
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))
