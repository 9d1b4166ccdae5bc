"""The gate lets exact models pass and refuses the others with a reason; it believes numbers, not names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import tiny_model
from torch import nn
from transformers import LlamaForCausalLM, T5Config, T5ForConditionalGeneration
from transformers.models.llama.modeling_llama import LlamaAttention

from tree_attention import UnsupportedModelError, open_model

OWN_ATTENTION = "outside transformers' attention interface"
REFUSED = {
    "bloom": "ALiBi",
    "mpt": "ALiBi",
    "falcon": OWN_ATTENTION,
    "falcon with ALiBi": OWN_ATTENTION,
    "codegen": OWN_ATTENTION,
    "gptj": OWN_ATTENTION,
    "gpt_neo": OWN_ATTENTION,
    "xglm": OWN_ATTENTION,
    "openai-gpt": OWN_ATTENTION,
    "mamba": "recurrent state",
    "mamba2": "recurrent state",
    "rwkv": "recurrent state",
    "recurrent_gemma": "recurrent state",
    "jamba": "recurrent state",
    "bamba": "recurrent state",
    "falcon_h1": "recurrent state",
    "granitemoehybrid": "layers of type 'linear_attention'",
    "qwen3_next": "layers of type 'linear_attention'",
    "minimax": "layers of type 'linear_attention'",
    "lfm2": "layers of type 'conv'",
    "llama4_text": "layers of type 'chunked_attention'",
    "bert": "not causal",
    "llama with dynamic RoPE": "rotary embedding of type 'dynamic'",
    "llama with longrope": "rotary embedding of type 'longrope'",
    "phi3 with longrope": "rotary embedding of type 'longrope'",
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_with_a_reason(name: str) -> None:
    model = tiny_model(name)
    with pytest.raises(UnsupportedModelError, match=REFUSED[name]) as caught:
        open_model(model)
    assert caught.value.model_type == model.config.model_type
    assert repr(model.config.model_type) in str(caught.value)


def test_encoder_decoder_is_refused() -> None:
    config = T5Config(vocab_size=40, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    with pytest.raises(UnsupportedModelError, match="encoder-decoder"):
        open_model(T5ForConditionalGeneration(config))


@pytest.mark.parametrize(
    ("family", "kv_heads", "key_dim", "value_dim"),
    [("llama", 2, 8, 8), ("gpt2", 4, 8, 8), ("gpt_bigcode", 1, 8, 8), ("deepseek_v3", 4, 16, 12)],
)
def test_accepted_with_the_shapes_of_its_layers(
    family: str, kv_heads: int, key_dim: int, value_dim: int
) -> None:
    opened = open_model(tiny_model(family))
    shapes = [(s.kv_heads, s.key_dim, s.value_dim, s.dtype) for s in opened.layers]
    assert shapes == [(kv_heads, key_dim, value_dim, torch.float32)] * 3


def test_16_bit_weights_are_accepted() -> None:
    opened = open_model(tiny_model("llama").bfloat16())
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


class FailingAttention(LlamaAttention):
    """Fails where more than the four tokens of the dry run are given."""

    def forward(self, hidden_states: torch.Tensor, **kwargs: Any) -> Any:
        if hidden_states.shape[1] > 4:
            raise RuntimeError("too long for me")
        return super().forward(hidden_states, **kwargs)


@pytest.mark.parametrize(
    ("attention", "reason"),
    [
        (FailingAttention, "a trial tree failed with: too long for me"),
        (BiasedAttention, "on a trial tree its logits differ"),
        (TwiceAttention, "6 times"),
    ],
)
def test_unknown_models_are_judged_by_what_they_do(attention: type[nn.Module], reason: str) -> None:
    model = tiny_model("llama")
    assert isinstance(model, LlamaForCausalLM)
    for layer in model.model.layers:
        layer.self_attn.__class__ = attention
    with pytest.raises(UnsupportedModelError, match=reason):
        open_model(model)
