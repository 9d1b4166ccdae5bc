"""One call of `generate` with a model's own attention: for models that cannot decode on a prompt tree.

Prompts are taken one after the other. The samples of a prompt, up to `max_rows` at a time, are begun
together from its one prefill and decoded in lockstep (see `sampler.engine.lockstep`); a row that ends is
dropped from the cache. Keys and values are shared by no two rows. What a sample is depends on the same
things as on the tree: its random numbers are those of its prompt and sample index.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from sampler.core import Completion, FinishReason, Prompt, SamplingParams
from sampler.engine.errors import PromptError
from sampler.engine.lockstep import LockstepError, LockstepModel, LockstepRows, open_lockstep
from sampler.engine.philox import stream_words, uniforms
from sampler.engine.sampling import draw_tokens
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import SampleText, StopRules
from sampler.engine.tensor_parallel import ONE_RANK, RankGroup
from tree_attention import OpenedModel, UnsupportedModelError, open_model
from tree_attention.transformers_plugin import ANOTHER_MODEL

OWN_ATTENTION_MODE = "per_sequence"  # in which a model that the tree refuses uses its own attention
_WAY_OUT = (
    f"Use --engine.attention {OWN_ATTENTION_MODE}: the model's own attention and cache, which are exact, but "
    "share only the prefill among a prompt's samples"
)


def open_for_mode(model: PreTrainedModel, attention: str) -> OpenedModel | LockstepModel:
    """The model opened for the tree; else, if that is the mode, for `OwnAttentionGeneration`.

    Raises:
        UnsupportedModelError: it cannot be decoded so; the text says whether another mode would do.
    """
    try:
        return open_model(model)
    except UnsupportedModelError as refusal:
        try:
            lockstep = open_lockstep(model)
        except LockstepError as fault:
            remedy = f"Nor can it be decoded with its own attention and cache: {fault}. {ANOTHER_MODEL}"
            raise UnsupportedModelError(refusal.model_type, refusal.reason, remedy) from refusal
        if attention != OWN_ATTENTION_MODE:
            raise UnsupportedModelError(refusal.model_type, refusal.reason, _WAY_OUT) from refusal
        return lockstep


@dataclass(eq=False)
class Sample:
    """A sample that is being drawn."""

    prompt: Prompt
    sample_index: int
    prompt_tokens: int
    text: SampleText
    logprobs: list[float] | None  # of its tokens; None unless asked for
    began: float = field(default_factory=time.perf_counter)  # seconds

    def append(self, token: int, logprob: float | None) -> FinishReason | None:
        """Takes the next token; says why the sample ends with it, or None."""
        if self.logprobs is not None and logprob is not None:
            self.logprobs.append(logprob)
        return self.text.append(token)

    def finish(self, reason: FinishReason) -> Completion:
        """The completion, ended for `reason`."""
        return Completion(
            prompt_id=self.prompt.prompt_id,
            sample_index=self.sample_index,
            token_ids=tuple(self.text.token_ids),
            text=self.text.text(),
            finish_reason=reason,
            prompt_tokens=self.prompt_tokens,
            shared_prompt_tokens=0,
            seconds=time.perf_counter() - self.began,
            logprob=None if self.logprobs is None else math.fsum(self.logprobs),
            token_logprobs=None if self.logprobs is None else tuple(self.logprobs),
        )


class OwnAttentionGeneration:
    """The state of one call of `generate`. Iterate over `run()`; closing that frees all that it holds."""

    def __init__(
        self,
        model: LockstepModel,
        prompts: Sequence[Prompt],
        tokens: Sequence[Sequence[int]],
        rules: StopRules,
        params: SamplingParams,
        max_rows: int,
        stats: EngineStats,
        budget_bytes: float = math.inf,
        ranks: RankGroup = ONE_RANK,
    ) -> None:
        """`tokens[i]` are those of `prompts[i]`; the keys, values and states stay below `budget_bytes`.

        Raises:
            PromptError: the least number of rows does not fit into the budget.
        """
        self._model = model
        self._prompts = list(zip(prompts, tokens, strict=True))
        self._rules = rules
        self._params = params
        self._max_rows = max_rows
        self._stats = stats
        self._budget_bytes = budget_bytes
        self._ranks = ranks
        for prompt, ids in self._prompts:
            self._most_rows(prompt, len(ids))
        self._prompt_rows: LockstepRows | None = None  # the prompt, while samples of it wait
        self._rows: LockstepRows | None = None
        self._samples: list[Sample] = []  # one for each of the rows

    def run(self) -> Iterator[Completion]:
        """Draws all samples of all prompts; gives each as it ends."""
        try:
            for prompt, tokens in self._prompts:
                waiting = deque(prompt.sample_indices)
                most = self._most_rows(prompt, len(tokens))
                self._prefill(tokens)
                while waiting:
                    yield from self._begin(prompt, tokens, waiting, most)
                    while self._samples:
                        yield from self._step()
        finally:
            self._prompt_rows, self._rows, self._samples = None, None, []
            self._stats.kv_bytes = 0

    @contextmanager
    def _booked(self) -> Iterator[None]:
        """Books the time of a piece of work, and what is held after it."""
        began = time.perf_counter()
        with torch.inference_mode():
            yield
        self._count_bytes()
        self._stats.seconds += time.perf_counter() - began

    def _count_bytes(self) -> None:
        held = [rows.cache_bytes for rows in (self._prompt_rows, self._rows) if rows is not None]
        self._stats.kv_bytes = sum(held)
        self._stats.kv_bytes_peak = max(self._stats.kv_bytes_peak, self._stats.kv_bytes)

    def _most_rows(self, prompt: Prompt, prompt_tokens: int) -> int:
        """How many samples of a prompt may be drawn at a time."""
        tokens = prompt_tokens + self._params.max_new_tokens
        fitting = self._model.fitting_rows(tokens, self._budget_bytes)
        if not fitting:
            raise PromptError(
                prompt.prompt_id,
                f"has {prompt_tokens} tokens, and with max_new_tokens {self._params.max_new_tokens} its rows "
                f"do not fit into the {self._budget_bytes:,.0f} bytes for keys and values. Raise "
                "--engine.kv_memory, shorten the prompt or lower max_new_tokens",
            )
        return min(self._max_rows, fitting)

    def _prefill(self, tokens: Sequence[int]) -> None:
        """Runs a prompt through the model."""
        with self._booked():
            self._rows = None
            self._prompt_rows = LockstepRows(self._model.model, tokens)
            self._stats.prefilled_tokens += len(tokens)

    def _begin(
        self, prompt: Prompt, tokens: Sequence[int], waiting: deque[int], most: int
    ) -> list[Completion]:
        """Begins the next waiting samples, at most so many; returns those that their first token ends."""
        indices = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        with self._booked():
            assert self._prompt_rows is not None  # the prompt was prefilled
            self._rows = self._prompt_rows.fork() if waiting else self._prompt_rows
            self._prompt_rows = self._prompt_rows if waiting else None
            self._rows.select([0] * len(indices))
            self._samples = [self._sample(prompt, index, len(tokens)) for index in indices]
            self._stats.prompt_tokens += len(tokens) * len(indices)
            return self._draw(self._rows)

    def _sample(self, prompt: Prompt, index: int, prompt_tokens: int) -> Sample:
        logprobs: list[float] | None = [] if self._params.logprobs else None
        return Sample(prompt, index, prompt_tokens, SampleText(self._rules), logprobs)

    def _step(self) -> list[Completion]:
        """Feeds every row's newest token and draws the next; returns the samples that end."""
        with self._booked():
            assert self._rows is not None  # there are samples
            self._rows.feed(torch.tensor([sample.text.token_ids[-1] for sample in self._samples]))
            self._stats.steps += 1
            return self._draw(self._rows)

    def _draw(self, rows: LockstepRows) -> list[Completion]:
        """Draws a token for each sample, all at the same step; ends those that are complete."""
        self._count_bytes()  # before the ended rows are dropped
        drawn = draw_tokens(rows.logits, self._numbers(), self._params)
        tokens = self._ranks.rank_zero(drawn.tokens).tolist()
        logprobs = [None] * len(tokens) if drawn.logprobs is None else drawn.logprobs.tolist()
        self._stats.new_tokens += len(tokens)
        reasons = [s.append(*token) for s, *token in zip(self._samples, tokens, logprobs, strict=True)]
        ended = [s.finish(reason) for s, reason in zip(self._samples, reasons, strict=True) if reason]
        if ended:
            self._drop_ended(rows, [row for row, reason in enumerate(reasons) if reason is None])
        self._stats.completions += len(ended)
        return ended

    def _numbers(self) -> npt.NDArray[np.float64]:
        """The uniform number of each sample's next token."""
        words = [stream_words(sample.prompt.prompt_id, sample.sample_index) for sample in self._samples]
        step = len(self._samples[0].text.token_ids)
        steps = np.full(len(words), step, dtype=np.int64)
        return uniforms(self._params.seed, np.array(words, dtype=np.uint64).T, steps)

    def _drop_ended(self, rows: LockstepRows, going_on: list[int]) -> None:
        if going_on:
            rows.select(going_on)
        else:
            self._rows = None
        self._samples = [self._samples[row] for row in going_on]
