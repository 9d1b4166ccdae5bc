"""The ledger of a session: every new row goes to the store, into the figures and onto the progress line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from judge import Judgement
from sampler.pipeline.progress import Progress
from sampler.pipeline.rows import verdict_row
from sampler.pipeline.store import RunStore
from sampler.run_dir import Key

_SYNC_SECONDS = 5.0  # of rows, at most, that a power cut can lose


@dataclass
class Ledger:
    """Where rows go. `figures` counts samples, verdicts, tokens drawn and prompt tokens computed."""

    store: RunStore
    progress: Progress
    figures: dict[str, int] = field(
        default_factory=lambda: {"sampled": 0, "judged": 0, "new_tokens": 0, "prefilled_tokens": 0}
    )
    _synced: float = field(default_factory=time.monotonic)

    def drawn(self, row: dict[str, Any]) -> None:
        """Enter the row of a sample that was drawn.

        Raises:
            judge.rows.RowError: it cannot be written, as for the next two.
        """
        self.given_up(row)
        self.figures["new_tokens"] += row["new_tokens"]
        self.figures["sampled"] += 1

    def given_up(self, row: dict[str, Any]) -> None:
        """Enter the row of a sample that could not be drawn."""
        self.store.append_sample(row)
        self.progress.count_sample(row)

    def verdict(self, key: Key, judgement: Judgement) -> None:
        """Enter a judgement."""
        self.store.append_verdict(verdict_row(key, judgement))
        self.figures["judged"] += 1
        self.progress.count_verdict(judgement.verdict)

    def sync(self) -> None:
        """Have the rows on the device every few seconds.

        Raises:
            OSError: the device does not take them.
        """
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.store.sync()
            self._synced = time.monotonic()
