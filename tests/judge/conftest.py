"""Judges and problems for the tests of this package. Without a working sandbox they fail, saying why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from judge import Judge
from judge.sandbox import probe_sandbox
from judge.sandbox.bubblewrap import BubblewrapFactory
from judge.sandbox.cgroup import CgroupTree
from problems.problem import CheckerSpec, Limits, Problem, TestCase

ProblemMaker = Callable[..., Problem]


def _factory(limits_by: str) -> BubblewrapFactory:
    if limits_by == "cgroup" and CgroupTree.find() is None:
        pytest.skip("no control group can be made here; only resource limits are tested")
    return BubblewrapFactory(limits_by)


@pytest.fixture(scope="session", autouse=True)
def _working_sandbox() -> None:
    status = probe_sandbox("auto")
    if not status.ok:
        pytest.fail(f"the sandbox does not work here: {status.detail}\n{status.remedy}")


@pytest.fixture(scope="session", params=["cgroup", "rlimits"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """A judge for each way to bound memory and processes."""
    with Judge(_factory(request.param)) as judge:
        yield judge


@pytest.fixture(scope="session")
def any_judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@pytest.fixture(scope="session")
def any_factory() -> Iterator[BubblewrapFactory]:
    factory = BubblewrapFactory()
    yield factory
    factory.close()


@pytest.fixture(scope="session")
def increment() -> ProblemMaker:
    """Makes the problem "print the number you read plus one" with `count` tests, the first a sample."""

    def make(count: int = 3, *, checker: CheckerSpec | None = None, **limits: object) -> Problem:
        chosen = {"cpu_seconds": 1.0, "wall_seconds": 4.0, "memory_bytes": 128 << 20, "output_bytes": 1 << 20}
        tests = tuple(
            TestCase(f"{'sample' if n == 0 else 'secret'}/{n}", b"%d\n" % n, b"%d\n" % (n + 1), sample=n == 0)
            for n in range(count)
        )
        return Problem(
            "increment", "Increment", "...", tests, Limits(**(chosen | limits)), checker or CheckerSpec()
        )

    return make


@pytest.fixture(scope="session")
def descendants() -> Callable[[int], set[int]]:
    """The processes below a process, by their parents in /proc."""

    def find(root: int) -> set[int]:
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents[int(entry.name)] = int(fields[1])
        found = {root}
        while True:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            if not more:
                return found - {root}
            found |= more

    return find


@pytest.fixture
def nothing_left(descendants: Callable[[int], set[int]]) -> Iterator[None]:
    """After the test, this process has the children, the descriptors and the groups that it had before."""

    def state() -> tuple[set[int], int, set[str]]:
        tree = CgroupTree.find()
        parents = tree.parents.values() if tree else ()
        groups = {str(group) for parent in parents for group in parent.glob(f"orchard-{os.getpid()}-*")}
        return descendants(os.getpid()), len(list(Path("/proc/self/fd").iterdir())), groups

    before = state()
    yield
    assert state() == before
