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
import torch
from transformers import PreTrainedModel

from sampler.core import Completion, FinishReason, Prompt, SamplingParams
from sampler.engine.call_shapes import FREE, CallShapes
from sampler.engine.errors import PromptError
from sampler.engine.lockstep import LockstepError, LockstepModel, LockstepRows, open_lockstep
from sampler.engine.philox import stream_words, uniforms
from sampler.engine.samples import PromptNode, Sample
from sampler.engine.sampling import draw_tokens
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import StopRules
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
class Row:
    """A sample that is being drawn, with its tokens so far."""

    sample: Sample
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)  # of the tokens, if they are asked for

    def reason(self, rules: StopRules) -> FinishReason | None:
        """Why the sample ends with its newest token; None if it goes on."""
        return rules.reason(self.token_ids, opens_fence=self.sample.prompt.opens_fence)

    def finish(self, rules: StopRules, reason: FinishReason) -> Completion:
        """The completion, ended for `reason`."""
        self.sample.tokens = np.array(self.token_ids, dtype=np.int64)
        if self.logprobs:
            self.sample.logprobs = np.array(self.logprobs, dtype=np.float32)
        text = rules.text(self.token_ids, reason, opens_fence=self.sample.prompt.opens_fence)
        return self.sample.completion(text, reason, time.perf_counter() - self.sample.began)


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
        shapes: CallShapes = FREE,
    ) -> None:
        """`tokens[i]` are those of `prompts[i]`; the keys, values and states stay below `budget_bytes`.

        Of `shapes`, those of decoding calls hold; a prompt is prefilled in a call of its own in any case.

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
        self._shapes = shapes
        for prompt, ids in self._prompts:
            self._most_rows(prompt, len(ids))
        self._prefilled: LockstepRows | None = None  # the prompt, while samples of it wait
        self._lockstep: LockstepRows | None = None
        self._rows: list[Row] = []  # those of the lockstep

    def run(self) -> Iterator[Completion]:
        """Draws all samples of all prompts; gives each as it ends."""
        try:
            for prompt, tokens in self._prompts:
                waiting = self._samples(prompt, tokens)
                most = self._most_rows(prompt, len(tokens))
                self._prefill(tokens)
                while waiting:
                    yield from self._begin(waiting, most)
                    while self._rows:
                        yield from self._step()
        finally:
            self._prefilled, self._lockstep, self._rows = None, None, []
            self._stats.kv_bytes = 0

    def _samples(self, prompt: Prompt, tokens: Sequence[int]) -> deque[Sample]:
        """The samples of a prompt."""
        leaf = PromptNode(0, None, np.array(tokens, dtype=np.int64), end=len(tokens))
        return deque(
            Sample(order, prompt, index, leaf, 0, stream_words(prompt.prompt_id, index))
            for order, index in enumerate(prompt.sample_indices)
        )

    @contextmanager
    def _booked(self) -> Iterator[None]:
        """Books the time of a piece of work, and what is held after it."""
        began = time.perf_counter()
        with torch.inference_mode():
            yield
        self._count_bytes()
        self._stats.seconds += time.perf_counter() - began

    def _count_bytes(self) -> None:
        held = [rows.cache_bytes for rows in (self._prefilled, self._lockstep) if rows is not None]
        self._stats.kv_bytes = sum(held)
        self._stats.kv_bytes_peak = max(self._stats.kv_bytes_peak, self._stats.kv_bytes)

    def _most_rows(self, prompt: Prompt, prompt_tokens: int) -> int:
        """How many samples of a prompt may be drawn at a time."""
        tokens = prompt_tokens + self._params.max_new_tokens
        fitting = self._model.fitting_rows(tokens, self._budget_bytes, self._shapes.decode_multiple)
        if not fitting:
            raise PromptError(prompt.prompt_id, self._no_room(prompt_tokens))
        return min(self._max_rows, fitting, self._shapes.decode_rows or fitting)

    def _no_room(self, prompt_tokens: int) -> str:
        """Why a prompt cannot be drawn, and the remedy."""
        rows = self._shapes.decode_multiple
        new = self._params.max_new_tokens
        needed = (rows + 1) * (self._model.fixed_bytes + (prompt_tokens + new) * self._model.token_bytes)
        cause, remedy = "", ""
        if self._shapes.decode_rows is not None:
            cause = "deterministic gives every call so many; "
            remedy = ", or set deterministic (--engine.deterministic) to false, which takes fewer rows"
        return (
            f"has {prompt_tokens} tokens, and with max_new_tokens {new} the {rows} rows of a call, beside "
            f"the prompt's, need {needed:,} bytes for keys and values; {cause}the budget of "
            f"{self._budget_bytes:,.0f} bytes is too small. Raise kv_memory (--engine.kv_memory), shorten "
            f"the prompt or lower max_new_tokens{remedy}"
        )

    def _prefill(self, tokens: Sequence[int]) -> None:
        """Runs a prompt through the model."""
        with self._booked():
            self._lockstep = None
            self._prefilled = LockstepRows(self._model.model, tokens, self._shapes.decode_multiple)
            self._stats.prefilled_tokens += len(tokens)

    def _begin(self, waiting: deque[Sample], most: int) -> list[Completion]:
        """Begins the next waiting samples, at most so many; returns those that their first token ends."""
        self._rows = [Row(waiting.popleft()) for _ in range(min(most, len(waiting)))]
        with self._booked():
            assert self._prefilled is not None  # it is kept while samples wait
            self._lockstep = self._prefilled.fork() if waiting else self._prefilled
            self._prefilled = self._prefilled if waiting else None
            self._lockstep.select([0] * len(self._rows))
            now = time.perf_counter()
            for row in self._rows:
                row.sample.began = now
                self._stats.prompt_tokens += row.sample.leaf.end
            return self._draw(self._lockstep)

    def _step(self) -> list[Completion]:
        """Feeds every row's newest token and draws the next; returns the samples that end."""
        with self._booked():
            assert self._lockstep is not None  # there are rows
            self._lockstep.feed(torch.tensor([row.token_ids[-1] for row in self._rows]))
            self._stats.steps += 1
            return self._draw(self._lockstep)

    def _draw(self, lockstep: LockstepRows) -> list[Completion]:
        """Draws a token for each row, all at the same step; ends those that are complete."""
        self._count_bytes()  # before the ended rows are dropped
        streams = np.array([row.sample.stream for row in self._rows], dtype=np.uint64).T
        steps = np.full(len(self._rows), len(self._rows[0].token_ids), dtype=np.int64)
        drawn = draw_tokens(lockstep.logits, uniforms(self._params.seed, streams, steps), self._params)
        for row, token in zip(self._rows, self._ranks.rank_zero(drawn.tokens).tolist(), strict=True):
            row.token_ids.append(token)
        if drawn.logprobs is not None:
            for row, logprob in zip(self._rows, drawn.logprobs.tolist(), strict=True):
                row.logprobs.append(logprob)
        self._stats.new_tokens += len(self._rows)
        return self._finish_ended(lockstep)

    def _finish_ended(self, lockstep: LockstepRows) -> list[Completion]:
        """Drops the rows that their newest token ends; returns their completions."""
        reasons = [row.reason(self._rules) for row in self._rows]
        if not any(reasons):
            return []
        newest = zip(self._rows, reasons, strict=True)
        ended = [row.finish(self._rules, reason) for row, reason in newest if reason]
        for completion in ended:
            self._stats.tokens_saved += self._params.max_new_tokens - len(completion.token_ids)
        self._stats.completions += len(ended)
        going_on = [place for place, reason in enumerate(reasons) if not reason]
        self._rows = [self._rows[place] for place in going_on]
        if going_on:
            lockstep.select(going_on)
        else:
            self._lockstep = None
        return ended
