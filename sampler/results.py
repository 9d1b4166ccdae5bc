"""The results of a run from Python: `sampler.load_run`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.rows import encode_row
from sampler.report.statistics import mean_pass_at_k, problem_counts
from sampler.run_dir import RunDir, key_of

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Run:
    """A run's results, for a notebook; `load_run` makes it."""

    directory: RunDir

    @property
    def samples(self) -> datasets.Dataset:
        """The sample rows, each with its verdict row's fields where it is judged.

        Arrow holds Unicode text only, so lone surrogates stay escaped as they are in the files.
        """
        import datasets

        verdicts = {key_of(row): row for row in self.directory.verdicts()}
        return datasets.Dataset.from_list(
            [
                json.loads(encode_row(row)) | _judged(verdicts.get(key_of(row)))
                for row in self.directory.samples()
            ]
        )

    def pass_at_k(self, ks: Iterable[int]) -> dict[int, float | None]:
        """The macro mean of pass@k over the problems with k or more judged samples; None where none has."""
        counts = problem_counts(self.directory)
        return {k: mean_pass_at_k(counts, k) for k in ks}


def load_run(path: str | Path) -> Run:
    """Open a run directory.

    Raises:
        RunDirError: it is no run directory.
    """
    directory = RunDir(Path(path))
    directory.manifest()
    return Run(directory)


def _judged(verdict: dict[str, Any] | None) -> dict[str, Any]:
    names = ("verdict", "passed", "total", "first_failed_test", "cpu_seconds", "peak_memory_bytes")
    return {name: verdict.get(name) if verdict else None for name in names}
