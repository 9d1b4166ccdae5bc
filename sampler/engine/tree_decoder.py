"""A model that decodes on the prompt tree, with the pool that all calls of an engine share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sampler.core import Completion, Prompt, SamplingParams
from sampler.engine.admission import pages_to_reserve, suffix_bytes
from sampler.engine.call_shapes import CallShapes
from sampler.engine.errors import PromptError
from sampler.engine.generation import Generation
from sampler.engine.graph_runner import GraphRunner
from sampler.engine.modes import AttentionMode
from sampler.engine.prefill import Prefill
from sampler.engine.runner import DecodeRunner, EagerRunner
from sampler.engine.samples import SampleForest
from sampler.engine.schedule import Schedule
from sampler.engine.stats import EngineStats
from sampler.engine.step_cache import step_cache_for
from sampler.engine.stopping import StopRules
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import KvPool, OpenedModel


class TreeDecoder:
    """Makes the generations of an engine."""

    def __init__(
        self,
        opened: OpenedModel,
        mode: AttentionMode,
        shapes: CallShapes,
        ranks: RankGroup,
        budget_bytes: int,
    ) -> None:
        budget = budget_bytes if mode.attends else None  # nothing is stored
        self.pool = KvPool(mode.pool_layers(opened.layers), budget_bytes=budget)
        self._model = opened.tree_model
        self._mode = mode
        self._shapes = shapes
        self._ranks = ranks
        self._current: Generation | None = None  # which made the last turn
        self._steps = step_cache_for(opened, self.pool, mode, ranks)

    def generate(
        self,
        prompts: Sequence[Prompt],
        tokens: Sequence[Sequence[int]],
        rules: StopRules,
        params: SamplingParams,
        max_rows: int,
        stats: EngineStats,
    ) -> Iterator[Completion]:
        """Draws all samples of all prompts; `tokens[i]` are those of `prompts[i]`.

        Raises:
            PromptError: a sample does not fit into the pool's budget even alone; raised at once.
        """
        longest_suffix = suffix_bytes(self.pool, params.max_new_tokens)
        for prompt, ids in zip(prompts, tokens, strict=True):
            self._check_fits(prompt, len(ids), params.max_new_tokens)
        forest = SampleForest.of(prompts, tokens, shares_below_roots=self._mode.shares_below_roots)
        rows = min(max_rows, max(1, len(forest.samples)))
        run = Generation(
            self.pool,
            Schedule(forest, self.pool, stats, suffix_bytes=longest_suffix),
            Prefill(self._model, self.pool, self._mode, self._shapes, stats),
            self.runner(params),
            rules,
            params,
            rows,
            stats,
            self._ranks,
        )
        node_bytes = sum(node.length for node in forest.nodes) * self.pool.token_bytes
        pages = pages_to_reserve(self.pool, rows, params.max_new_tokens, node_bytes)
        return self._run(run, pages)

    def runner(self, params: SamplingParams) -> DecodeRunner:
        """What makes decoding steps on the pool, on the model's device."""
        if self._steps is not None:
            return GraphRunner(self._steps, params, self._shapes)
        return EagerRunner(self._model, self.pool, params, self._mode, self._shapes, self._ranks)

    def _run(self, run: Generation, pages: int) -> Iterator[Completion]:
        """Makes the turns of a call; its caller may iterate over other calls in between."""
        if self._model.device.type != "cpu" and not self.pool.bytes_in_use:
            self.pool.reserve_pages(
                pages
            )  # an arena that grows would have to be copied, and its steps remade
        try:
            while run.busy:
                if self._current is not None and self._current is not run:
                    self._current.pause()
                self._current = run
                yield from run.turn()
        finally:
            run.close()
            if self._current is run:
                self._current = None

    def _check_fits(self, prompt: Prompt, prompt_tokens: int, max_new_tokens: int) -> None:
        budget = self.pool.budget_bytes
        needed = prompt_tokens * self.pool.token_bytes + suffix_bytes(self.pool, max_new_tokens)
        if budget is not None and needed > budget:
            raise PromptError(
                prompt.prompt_id,
                f"has {prompt_tokens} tokens, and with max_new_tokens {max_new_tokens} a sample of it needs "
                f"{needed:,} bytes for keys and values; the budget is {budget:,} bytes. Raise kv_memory "
                "(--engine.kv_memory), shorten the prompt or lower max_new_tokens",
            )
