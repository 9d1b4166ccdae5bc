"""Greedy decoding on ragged trees equals transformers' `generate`, token by token, for many families."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from sampler.engine import Engine, Prompt, SamplingParams

VOCABULARY = 120
COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
WINDOW = {"sliding_window": 7}  # shorter than most prompts below
MIXED = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"], **WINDOW}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16, "num_local_experts": 4, "num_experts": 4}
LATENT = {
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 12,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_key_value_heads": 4,
    "first_k_dense_replace": 1,
    "moe_intermediate_size": 16,
    "num_experts_per_tok": 2,
    "n_group": 2,
    "topk_group": 1,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "mistral": WINDOW,
    "gemma2": {
        **MIXED,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 30.0,
        "query_pre_attn_scalar": 8,
    },
    "gemma3_text": {**MIXED, "query_pre_attn_scalar": 8},
    "phi3": WINDOW,
    "starcoder2": WINDOW,
    "gpt_neox": {"rotary_pct": 0.5},
    "gpt_bigcode": {"multi_query": True, "n_inner": 48},
    "olmo2": {},
    "granite": {"attention_multiplier": 0.2, "logits_scaling": 2.0},
    "cohere2": {**MIXED, "logit_scale": 1.0},
    "mixtral": {**EXPERTS, **WINDOW},
    "qwen3_moe": EXPERTS,
    "gpt_oss": {**MIXED, **EXPERTS},
    "deepseek_v2": {**LATENT, "topk_method": "greedy", "head_dim": 8},
    "deepseek_v3": {**LATENT, "head_dim": 8},
}


def tiny_model(family: str) -> PreTrainedModel:
    """A random model of `family`, its logits well apart."""
    settings = {**COMMON, **FAMILIES[family]}
    config = AutoConfig.for_model(family, **settings)
    torch.manual_seed(sum(map(ord, family)))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("sinks"):  # transformers leaves them uninitialised
                parameter.normal_()
    return model


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
