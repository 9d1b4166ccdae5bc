"""Control groups: found where they can be made, made with their limits, removed, and swept after a crash."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from judge.sandbox.cgroup import CgroupTree

GONE = 2**22 + 1  # above the kernel's largest process id


def v1_proc(tmp_path: Path) -> tuple[Path, Path]:
    """A made-up /proc/self and the mount point of two version 1 hierarchies that it names."""
    proc, point = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    (proc / "cgroup").write_text("3:cpu,cpuacct:/other\n2:memory:/docker/me\n1:pids:/docker/me\n0::/\n")
    mounts = ""
    for controller in ("memory", "pids"):
        (point / controller).mkdir(parents=True)
        (point / controller / "cgroup.procs").touch()
        mounts += f"30 1 0:1 /docker/me {point / controller} rw - cgroup cgroup rw,{controller}\n"
    (proc / "mountinfo").write_text(mounts + f"31 1 0:2 / {tmp_path} rw,relatime - ext4 /dev/vda rw\n")
    return proc, point


def v2_proc(tmp_path: Path) -> tuple[Path, Path]:
    """A made-up /proc/self in a version 2 scope, below a slice that hands on its controllers."""
    proc, point = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    (proc / "cgroup").write_text("0::/app.slice/me.scope\n")
    (proc / "mountinfo").write_text(f"30 1 0:1 / {point} rw - cgroup2 cgroup2 rw,nsdelegate\n")
    (point / "app.slice" / "me.scope").mkdir(parents=True)
    for directory, controllers in (
        ("", "memory"),
        ("app.slice", "cpu memory pids"),
        ("app.slice/me.scope", ""),
    ):
        (point / directory / "cgroup.procs").touch()
        (point / directory / "cgroup.subtree_control").write_text(controllers)
    return proc, point


def test_finds_version_1_where_the_container_shows_it(tmp_path: Path) -> None:
    proc, point = v1_proc(tmp_path)
    tree = CgroupTree.find(proc)
    assert tree is not None
    assert tree.version == 1
    assert tree.parents == {"memory": point / "memory", "pids": point / "pids"}


def test_finds_the_version_2_ancestor_that_hands_on_controllers(tmp_path: Path) -> None:
    proc, point = v2_proc(tmp_path)
    tree = CgroupTree.find(proc)
    assert tree is not None
    assert tree.version == 2
    assert set(tree.parents.values()) == {point / "app.slice"}


@pytest.mark.parametrize("missing", ["pids", "memory"])
def test_none_without_both_controllers(missing: str, tmp_path: Path) -> None:
    proc, point = v2_proc(tmp_path)
    (point / "app.slice" / "cgroup.subtree_control").write_text("cpu memory pids".replace(missing, ""))
    assert CgroupTree.find(proc) is None


def test_version_2_limits(tmp_path: Path) -> None:
    proc, _ = v2_proc(tmp_path)
    tree = CgroupTree.find(proc)
    assert tree is not None
    group = tree.make(memory_bytes=1 << 20, processes=7)
    (entry,) = group.entry_files()
    directory = Path(entry).parent
    assert (directory / "memory.max").read_text() == str(1 << 20)
    assert (directory / "pids.max").read_text() == "7"
    (directory / "memory.current").write_text("1000\n")
    (directory / "memory.peak").write_text("2000\n")
    (directory / "memory.events").write_text("low 0\nhigh 3\nmax 5\noom 1\noom_kill 2\n")
    (directory / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1000000\n")
    usage = group.usage()
    assert (usage.cpu_seconds, usage.memory_bytes, usage.peak_memory_bytes, usage.oom_kills) == (
        1.5,
        1000,
        2000,
        2,
    )


def test_sweeps_groups_of_dead_makers_only(tmp_path: Path) -> None:
    proc, point = v2_proc(tmp_path)
    names = (f"orchard-{GONE}-0", f"orchard-{os.getpid()}-99", "orchard-somebody-else", "other")
    for name in names:
        (point / "app.slice" / name).mkdir()
    CgroupTree.find(proc)
    assert [(point / "app.slice" / name).exists() for name in names] == [False, True, True, True]


def test_real_group() -> None:
    tree = CgroupTree.find()
    if tree is None:
        pytest.skip("no control group can be made here")
    group = tree.make(memory_bytes=64 << 20, processes=8)
    try:
        enter = "".join(f"echo 0 > {file}; " for file in group.entry_files())
        work = "x = b'x' * (20 << 20)\nfor i in range(10**6): pass"
        subprocess.run(["sh", "-c", f'{enter} exec python3 -S -c "{work}"'], check=True)
        usage = group.usage()
        assert usage.peak_memory_bytes > 20 << 20
        assert usage.oom_kills == 0
        assert usage.cpu_seconds is None or usage.cpu_seconds > 0.01
        group.reset_peak()
        assert tree.version == 2 or group.usage().peak_memory_bytes < 20 << 20
    finally:
        group.remove()
    assert not any(Path(file).parent.exists() for file in group.entry_files())
