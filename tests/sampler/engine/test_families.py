"""Greedy decoding on ragged trees equals transformers' `generate`, token by token, for many families."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import FAMILIES, VOCABULARY, tiny_model
from transformers import GenerationConfig, PreTrainedModel

from sampler.engine import Engine, Prompt, SamplingParams


def ragged_prompts() -> list[Prompt]:
    """Three levels, a node of one token, prompts that are prefixes of others, and one that shares nothing."""
    draw = torch.Generator().manual_seed(7)

    def tokens(length: int) -> list[int]:
        return torch.randint(1, VOCABULARY, (length,), generator=draw).tolist()

    root = tokens(13)
    middle = [root + tokens(1), root + tokens(6), root + tokens(11)]
    leaves = [
        m + tokens(length)
        for m, length in zip((0, 0, 1, 2, 2), (3, 9, 1, 2, 17), strict=True)
        for m in [middle[m]]
    ]
    sequences = [root, *middle, *leaves, tokens(4), leaves[0]]
    return [Prompt(f"p{i}", token_ids=tuple(s), samples=1 + i % 2) for i, s in enumerate(sequences)]


def own_greedy(model: PreTrainedModel, prompt: Prompt, length: int) -> list[int]:
    """What transformers generates after a prompt."""
    ids = torch.tensor([prompt.token_ids])
    settings = GenerationConfig(max_new_tokens=length, do_sample=False, pad_token_id=0, eos_token_id=None)
    out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    return out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("family", list(FAMILIES))
def test_greedy_equals_transformers(family: str, tokenizer: Any) -> None:
    model = tiny_model(family)
    prompts = ragged_prompts()
    length = 20
    expected = {p.prompt_id: own_greedy(model, p, length) for p in prompts}
    # Branches end at different steps: at the first occurrence of either of two frequent tokens.
    frequent = (
        torch.tensor([t for tokens in expected.values() for t in tokens[3:]]).bincount().topk(2).indices
    )
    model.generation_config.eos_token_id = frequent.tolist()
    engine = Engine(model, tokenizer, max_rows=4)
    engine_eos = set(frequent.tolist()) | {tokenizer.eos_token_id}

    found = list(engine.generate(prompts, SamplingParams(max_new_tokens=length, temperature=0)))

    assert sorted((c.prompt_id, c.sample_index) for c in found) == sorted(
        (p.prompt_id, index) for p in prompts for index in p.sample_indices
    )
    for completion in found:
        tokens = expected[completion.prompt_id]
        stop = next((i + 1 for i, token in enumerate(tokens) if token in engine_eos), length)
        assert list(completion.token_ids) == tokens[:stop]
        assert completion.finish_reason == ("eos" if tokens[stop - 1] in engine_eos else "length")
    assert len({len(c.token_ids) for c in found}) > 1
    assert engine.stats.kv_bytes == 0
