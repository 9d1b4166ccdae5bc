"""One progress line, drawn by the driver alone; plain lines now and then where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, TextIO

from tqdm import tqdm

from judge import Verdict

_PLAIN_SECONDS = 10.0


class Progress:
    """Counts rows and shows the line: samples, tokens/s, share of prompt tokens shared, judged, pass@1, ETA.

    The rows of earlier sessions are counted first; entering the context starts the session's clock, and
    rates and the time left are of this session.
    """

    def __init__(self, total: int, *, judging: bool = True, stream: TextIO | None = None) -> None:
        """Prepare for `total` samples; without `judging` the line says nothing of verdicts."""
        self._total = total
        self._judging = judging
        self._stream = stream or sys.stderr
        self._sampled = self._judged = self._accepted = self._scored = 0
        self._new_tokens = self._prompt_tokens = self._shared_tokens = 0
        self._before = (0, 0, 0)
        self._started = self._printed = time.monotonic()
        self._bar: Any = None

    def count_sample(self, row: dict[str, Any]) -> None:
        """Count a sample row."""
        self._sampled += 1
        self._new_tokens += row["new_tokens"]
        self._prompt_tokens += row["prompt_tokens"]
        self._shared_tokens += row["shared_prompt_tokens"]
        self._show()

    def count_verdict(self, verdict: str) -> None:
        """Count the verdict of a verdict row."""
        self._judged += 1
        self._accepted += verdict == Verdict.AC
        self._scored += verdict != Verdict.INTERNAL_ERROR
        self._show()

    def line(self) -> str:
        """What the line says after the count of samples."""
        elapsed = max(time.monotonic() - self._started, 1e-9)
        parts = [f"{(self._new_tokens - self._before[2]) / elapsed:,.0f} tokens/s"]
        if self._prompt_tokens:
            parts.append(f"{self._shared_tokens / self._prompt_tokens:.0%} of prompts shared")
        if self._judging:
            parts.append(f"{self._judged} judged")
            if self._scored:
                parts.append(f"pass@1 {self._accepted / self._scored:.3f}")
        return ", ".join([*parts, f"ETA {self._eta(elapsed)}"])

    def _eta(self, elapsed: float) -> str:
        """The longer of what sampling and judging still take at this session's pace."""
        lanes = [(self._sampled - self._before[0], self._total - self._sampled)]
        if self._judging:
            lanes.append((self._judged - self._before[1], self._total - self._judged))
        if any(done == 0 for done, left in lanes if left):
            return "?"
        seconds = max((elapsed * left / done for done, left in lanes if left), default=0.0)
        return str(tqdm.format_interval(seconds))

    def _show(self) -> None:
        if self._bar is None:
            return
        if not self._bar.disable:
            self._bar.set_postfix_str(self.line(), refresh=False)
            self._bar.update(self._sampled - self._bar.n)
        elif time.monotonic() - self._printed > _PLAIN_SECONDS:
            self._print()

    def _print(self) -> None:
        self._printed = time.monotonic()
        print(f"{self._sampled}/{self._total} samples, {self.line()}", file=self._stream, flush=True)

    def refresh(self) -> None:
        """Bring the clock on the line up to date, though nothing was counted."""
        if (
            self._bar is not None
            and not self._bar.disable
            and time.monotonic() - self._bar.last_print_t > 0.5
        ):
            self._bar.set_postfix_str(self.line(), refresh=True)

    def __enter__(self) -> Progress:
        self._before = (self._sampled, self._judged, self._new_tokens)
        self._started = self._printed = time.monotonic()
        self._bar = tqdm(
            total=self._total,
            initial=self._sampled,
            file=self._stream,
            disable=not self._stream.isatty(),
            bar_format="{percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt} samples{postfix}",
            dynamic_ncols=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar.disable:
            self._print()
        else:
            self.refresh()
        self._bar.close()
        self._bar = None
