"""Tiny random models of many families, for every test that runs one."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 120
NOT_GIVEN = object()  # takes a setting of COMMON away
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
GPT = {"n_embd": 32, "n_head": 4, "n_layer": 3}
WINDOW = {"sliding_window": 7}  # shorter than most prompts of the tests
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
# Families that decode on a prompt tree, and are promised to.
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
# Others that do.
MORE_FAMILIES: dict[str, dict[str, Any]] = {
    "olmo3": MIXED,
    "smollm3": {"no_rope_layers": [1, 0, 1]},
    "qwen2_moe": {**EXPERTS, "shared_expert_intermediate_size": 16},
    "glm4": {"partial_rotary_factor": 0.5},
    "phi": {"partial_rotary_factor": 0.5},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "tie_word_embeddings": False},
    "gpt2": GPT,
    "jetmoe": EXPERTS,
    "stablelm": {},  # it hands no keyword arguments down to its layers
}
TREE_FAMILIES = FAMILIES | MORE_FAMILIES
LINEAR_LAYERS = ["linear_attention", "full_attention", "linear_attention"]
LINEAR = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
# Rotary embeddings whose frequencies change where the original length ends, which the tests cross.
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
    "short_factor": [1.0] * 4,
    "long_factor": [2.0, 3.0, 4.0, 5.0],
}
# Models that the tree refuses, by a name of our own: their type and settings.
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "bloom": ("bloom", {"n_head": 4, "n_layer": 3}),
    "mpt": ("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 3, "max_seq_len": 128}),
    "falcon": ("falcon", {"head_dim": NOT_GIVEN}),
    "falcon with ALiBi": ("falcon", {"head_dim": NOT_GIVEN, "alibi": True}),
    "codegen": ("codegen", {**GPT, "rotary_dim": 8, "n_positions": 128}),
    "gptj": ("gptj", {**GPT, "rotary_dim": 8, "n_positions": 128}),
    "gpt_neo": (
        "gpt_neo",
        {"attention_types": [[["global", "local"], 1]], "num_hidden_layers": 2, "window_size": 7},
    ),
    "xglm": ("xglm", {"d_model": 32, "attention_heads": 4, "num_layers": 3, "ffn_dim": 48}),
    "openai-gpt": ("openai-gpt", GPT),
    "mamba": ("mamba", {"state_size": 8}),
    "mamba2": ("mamba2", {"num_heads": 8, "head_dim": 8, "n_groups": 2, "state_size": 8, "chunk_size": 4}),
    "rwkv": ("rwkv", {}),
    "recurrent_gemma": ("recurrent_gemma", {"lru_width": 32, "attention_window_size": 8}),
    "jamba": (
        "jamba",
        {
            "num_experts": 2,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "mamba_d_state": 8,
            "mamba_dt_rank": 4,
            "use_mamba_kernels": False,
        },
    ),
    "bamba": ("bamba", {**MAMBA, "attn_layer_indices": [1]}),
    "falcon_h1": ("falcon_h1", {**MAMBA, "mamba_d_ssm": 64}),
    "granitemoehybrid": (
        "granitemoehybrid",
        {**MAMBA, **EXPERTS, "layer_types": ["mamba", "attention", "mamba"], "shared_intermediate_size": 16},
    ),
    "qwen3_next": (
        "qwen3_next",
        {
            **LINEAR,
            **EXPERTS,
            "layer_types": LINEAR_LAYERS,
            "shared_expert_intermediate_size": 16,
        },
    ),
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention", "conv"], "block_multiple_of": 8}),
    "minimax": (
        "minimax",
        {
            **EXPERTS,
            "layer_types": LINEAR_LAYERS,
            "block_size": 8,
        },
    ),
    "llama4_text": ("llama4_text", {**EXPERTS, "attention_chunk_size": 8, "intermediate_size_mlp": 48}),
    "bert": ("bert", {"is_decoder": False}),
    "llama with dynamic RoPE": (
        "llama",
        {
            "rope_parameters": {"rope_theta": 1e4, "rope_type": "dynamic", "factor": 4.0},
            "max_position_embeddings": 16,
        },
    ),
    "llama with longrope": ("llama", {"rope_parameters": LONGROPE}),
    "phi3 with longrope": (
        "phi3",
        {"rope_parameters": LONGROPE, "original_max_position_embeddings": 16},
    ),
}


def tiny_model(name: str) -> PreTrainedModel:
    """A random model of a family or a refused one, its logits well apart."""
    model_type, settings = REFUSED.get(name) or (name, TREE_FAMILIES[name])
    given = {key: value for key, value in {**COMMON, **settings}.items() if value is not NOT_GIVEN}
    config = AutoConfig.for_model(model_type, **given)
    torch.manual_seed(sum(map(ord, name)))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("sinks"):  # transformers leaves them uninitialised
                parameter.normal_()
    return model
