"""The nouns of sampling: what goes into the engine and what comes out. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["eos", "stop", "fence", "length"]


def is_whole(value: object, low: int, high: float = float("inf")) -> bool:
    """Whether `value` is an integer (not a bool) from `low` up, below `high`."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < high


@dataclass(frozen=True)
class Prompt:
    """A full prompt, and which samples are to be drawn from it.

    Exactly one of `text` and `token_ids` is given. The engine tokenizes `text` as a whole; what prompts
    share is found on tokens afterwards, never by gluing separately tokenized pieces.
    """

    prompt_id: str  # unique within a run; with the seed and the sample index it keys the random numbers
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    samples: int | tuple[int, ...] = 1  # a number n stands for sample indices 0 .. n-1
    problem_id: str = ""
    path: tuple[
        str, ...
    ] = ()  # names of the pieces from the root, for people: ("problem:two-sum", "fewshot:0")
    add_special_tokens: bool = True  # False where a chat template has already written them
    opens_fence: bool = False  # the prompt ends inside an opened code fence

    def __post_init__(self) -> None:
        if not is_whole(self.samples, 0) and not isinstance(self.samples, tuple):
            raise ValueError(
                f"prompt {self.prompt_id!r}: samples is {self.samples!r}; it must be how many, from 0 up, "
                "or a tuple of sample indices"
            )

    @property
    def sample_indices(self) -> tuple[int, ...]:
        """The sample indices to draw, in order."""
        return tuple(range(self.samples)) if isinstance(self.samples, int) else self.samples


@dataclass(frozen=True)
class SamplingParams:
    """How tokens are drawn. The filters apply in Hugging Face's order: temperature, top_k, top_p, min_p."""

    max_new_tokens: int = 512
    temperature: float = 0.8  # 0 is greedy
    top_p: float = 0.95  # 1 is off
    top_k: int = 0  # 0 is off
    min_p: float = 0.0  # least probability kept, as a share of the most likely token's; 0 is off
    stop: tuple[str, ...] = ()  # the text ends before the first of them
    stop_at_closed_fence: bool = False  # the text ends after the first code fence that is closed
    seed: int = 0
    logprobs: bool = False  # give each completion its log-probabilities

    def __post_init__(self) -> None:
        strings = isinstance(self.stop, tuple | list) and all(isinstance(s, str) and s for s in self.stop)
        checks = {
            "max_new_tokens": (is_whole(self.max_new_tokens, 1), "a whole number of at least 1"),
            "temperature": (0.0 <= self.temperature < float("inf"), "0 (greedy) or a positive number"),
            "top_p": (0.0 < self.top_p <= 1.0, "above 0 and at most 1 (1 is off)"),
            "top_k": (is_whole(self.top_k, 0), "0 (off) or a positive whole number"),
            "min_p": (0.0 <= self.min_p <= 1.0, "from 0 (off) to 1"),
            "stop": (strings, "a tuple of strings of at least one character"),
            "seed": (is_whole(self.seed, 0, 2**64), "a whole number from 0 to 2**64 - 1"),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise ValueError(
                    f"sampling parameter {name} is {getattr(self, name)!r}; it must be {allowed}"
                )


@dataclass(frozen=True)
class Completion:
    """One finished sample.

    Log-probabilities are natural logarithms under the model's own distribution: the softmax of its logits as
    they are, at temperature 1 and without a filter, whatever the tokens were drawn from.
    """

    prompt_id: str
    sample_index: int
    token_ids: tuple[int, ...]  # the new tokens, with the end-of-sequence token where there was one
    text: str  # decoded, without special tokens, cut before the stop string
    finish_reason: FinishReason
    prompt_tokens: int
    shared_prompt_tokens: int  # of prompt_tokens, those whose keys and values some other sample read too
    seconds: float  # from the sample's first decoding step to its last
    logprob: float | None = None  # of all the new tokens, the sum of `token_logprobs`; None unless asked for
    token_logprobs: tuple[float, ...] | None = None  # of each of `token_ids`; None unless asked for
