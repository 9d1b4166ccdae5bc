"""Model shapes to benchmark, with random weights: nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, Qwen2Config

from tree_attention import LayerShape

_POSITIONS = 65536  # more than any point needs; rotary embeddings have no table that grows with it


@dataclass(frozen=True)
class ModelShape:
    """A decoder's sizes. Heads of all layers are alike."""

    name: str
    family: str  # llama or qwen2
    hidden: int
    layers: int
    query_heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    tied: bool = False
    head_dim: int = 128

    def layer_shape(self, dtype: torch.dtype, device: torch.device) -> LayerShape:
        """What one layer stores for a token."""
        return LayerShape(self.kv_heads, self.head_dim, self.head_dim, dtype, device)

    def token_bytes(self, dtype: torch.dtype) -> int:
        """Bytes of a token's keys and values over all layers."""
        return self.layers * self.kv_heads * 2 * self.head_dim * dtype.itemsize

    @property
    def pair_flops(self) -> int:
        """Floating-point operations of one query token meeting one key, over all layers and heads."""
        return self.layers * self.query_heads * 4 * self.head_dim

    @property
    def parameters(self) -> int:
        """Weights, without the norms and biases."""
        heads = 2 * self.query_heads + 2 * self.kv_heads
        layer = self.hidden * self.head_dim * heads + 3 * self.hidden * self.intermediate
        return self.layers * layer + (1 if self.tied else 2) * self.vocabulary * self.hidden


# About 25 million parameters: small enough for two cores, with the head size of small Llamas.
_CPU: dict[str, Any] = {
    "family": "llama",
    "hidden": 512,
    "layers": 8,
    "query_heads": 8,
    "intermediate": 1152,
    "vocabulary": 8192,
    "tied": True,
    "head_dim": 64,
}
SHAPES = {
    shape.name: shape
    for shape in (
        ModelShape("llama-25m-gqa", kv_heads=2, **_CPU),
        ModelShape("llama-25m-mha", kv_heads=8, **_CPU),
        ModelShape("qwen2.5-coder-1.5b", "qwen2", 1536, 28, 12, 2, 8960, 151936, tied=True),
        ModelShape("qwen2.5-coder-7b", "qwen2", 3584, 28, 28, 4, 18944, 152064),
        ModelShape("codellama-7b", "llama", 4096, 32, 32, 32, 11008, 32016),
        ModelShape("codellama-13b", "llama", 5120, 40, 40, 40, 13824, 32016),
    )
}
CPU_SHAPES = tuple(name for name in SHAPES if name.startswith("llama-25m"))
GPU_SHAPES = tuple(name for name in SHAPES if name not in CPU_SHAPES)


def build_model(shape: ModelShape, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    """A model of that shape with random weights, that no token ends: every sample runs to its limit."""
    config_class = {"llama": LlamaConfig, "qwen2": Qwen2Config}[shape.family]
    config = config_class(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.query_heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=_POSITIONS,
        tie_word_embeddings=shape.tied,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return model.eval()
