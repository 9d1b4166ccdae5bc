"""What the engine has done so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class EngineStats:
    """Counts over the life of an engine, over all calls of `generate`. Updated after every step."""

    completions: int = 0
    new_tokens: int = 0  # drawn
    tokens_saved: int = 0  # not drawn, because samples ended before the limit of new tokens
    steps: int = 0  # decoding steps, each over all rows
    prompt_tokens: int = 0  # of all samples begun, each with its whole prompt
    prefilled_tokens: int = 0  # prompt tokens run through the model; what sharing leaves of prompt_tokens
    shared_tokens_read: int = (
        0  # prompt tokens that decoding rows did not read themselves, because another row of the step had
    )
    preemptions: int = 0  # samples whose memory was taken back before they ended
    replayed_tokens: int = 0  # drawn tokens run through the model once more, after a preemption
    evicted_nodes: int = 0  # nodes freed although samples waited for them; they are prefilled again
    seconds: float = 0.0  # spent in `generate`, without the time its caller takes between completions
    kv_bytes: int = 0  # keys and values held now
    kv_bytes_peak: int = 0

    @property
    def tokens_per_second(self) -> float:
        """New tokens a second; 0 before the first."""
        return self.new_tokens / self.seconds if self.seconds else 0.0
