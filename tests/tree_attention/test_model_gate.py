"""The gate lets exact models pass and refuses the others with a reason; it believes numbers, not names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.models.llama.modeling_llama import LlamaAttention

from tree_attention import UnsupportedModelError, open_model

SMALL: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
GPT_NAMES = {"n_embd": 32, "n_head": 4, "n_layer": 2}


def build(model_type: str, **settings: Any) -> PreTrainedModel:
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **{**SMALL, **settings})).eval()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "bloom": ({"n_head": 4, "n_layer": 2}, "ALiBi"),
    "mpt": ({"d_model": 32, "n_heads": 4, "n_layers": 2}, "ALiBi"),
    "falcon": ({}, "outside transformers' attention interface"),
    "codegen": ({**GPT_NAMES, "rotary_dim": 8}, "outside transformers' attention interface"),
    "gptj": ({**GPT_NAMES, "rotary_dim": 8}, "outside transformers' attention interface"),
    "gpt_neo": ({"attention_types": [[["global", "local"], 1]]}, "outside transformers' attention interface"),
    "openai-gpt": (GPT_NAMES, "outside transformers' attention interface"),
    "mamba": ({}, "recurrent state"),
    "rwkv": ({}, "recurrent state"),
    "qwen3_next": ({}, "linear_attention"),
    "llama4_text": ({}, "chunked_attention"),
    "stablelm": ({}, "do not receive the keyword arguments"),
    "bert": ({"is_decoder": False}, "not causal"),
}


@pytest.mark.parametrize("model_type", list(REFUSED))
def test_refused_with_a_reason(model_type: str) -> None:
    settings, reason = REFUSED[model_type]
    with pytest.raises(UnsupportedModelError, match=reason) as caught:
        open_model(build(model_type, **settings))
    assert caught.value.model_type == model_type
    assert repr(model_type) in str(caught.value)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_rope_that_depends_on_the_batch_is_refused(kind: str) -> None:
    extra = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4} if kind == "longrope" else {}
    rope = {
        "rope_type": kind,
        "factor": 2.0,
        "rope_theta": 1e4,
        "original_max_position_embeddings": 64,
        **extra,
    }
    with pytest.raises(UnsupportedModelError, match=f"rotary embedding of type '{kind}'"):
        open_model(build("llama", rope_parameters=rope))


def test_encoder_decoder_is_refused() -> None:
    config = T5Config(vocab_size=40, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    with pytest.raises(UnsupportedModelError, match="encoder-decoder"):
        open_model(T5ForConditionalGeneration(config))


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
def test_accepted_with_the_shapes_of_its_layers(model_type: str) -> None:
    extra = {"llama": {}, "gpt2": GPT_NAMES, "opt": {"ffn_dim": 32, "word_embed_proj_dim": 32}}[model_type]
    opened = open_model(build(model_type, **extra))
    kv_heads = 2 if model_type == "llama" else 4
    assert [(s.kv_heads, s.key_dim, s.value_dim) for s in opened.layers] == [(kv_heads, 8, 8)] * 2
    assert {s.dtype for s in opened.layers} == {torch.float32}


def test_16_bit_weights_are_accepted() -> None:
    opened = open_model(build("llama").bfloat16())
    assert opened.layers[0].dtype == torch.bfloat16


class BiasedAttention(LlamaAttention):
    """Does something of its own to the values that transformers' attention interface cannot see."""

    def forward(self, hidden_states: torch.Tensor, **kwargs: Any) -> Any:
        out, weights = super().forward(hidden_states, **kwargs)
        return out + 0.1 * out.roll(1, dims=1), weights  # of the neighbour in the batch, not in the sequence


class TwiceAttention(LlamaAttention):
    """Calls the attention interface twice a layer."""

    def forward(self, hidden_states: torch.Tensor, **kwargs: Any) -> Any:
        super().forward(hidden_states, **kwargs)
        return super().forward(hidden_states, **kwargs)


@pytest.mark.parametrize(
    ("attention", "reason"),
    [(BiasedAttention, "on a trial tree its logits differ"), (TwiceAttention, "4 times")],
)
def test_unknown_models_are_judged_by_what_they_do(attention: type[nn.Module], reason: str) -> None:
    model = build("llama")
    assert isinstance(model, LlamaForCausalLM)
    for layer in model.model.layers:
        layer.self_attn.__class__ = attention
    with pytest.raises(UnsupportedModelError, match=reason):
        open_model(model)
