"""The plugin runs a copy that shares weights, leaves the model alone, and needs its context."""

from __future__ import annotations

import pickle

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tree_attention import TreeModel, UnsupportedModelError
from tree_attention.model_copy import copy_sharing_weights
from tree_attention.transformers_plugin import ATTENTION_NAME, MissingContextError


def tiny_config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        initializer_range=0.5,
    )


def test_copy_shares_every_tensor_and_no_configuration() -> None:
    model = LlamaForCausalLM(tiny_config())
    twin = copy_sharing_weights(model)
    for (name, own), (_, other) in zip(
        [*model.named_parameters(), *model.named_buffers()],
        [*twin.named_parameters(), *twin.named_buffers()],
        strict=True,
    ):
        assert own is other, name
    assert twin.lm_head.weight is twin.model.embed_tokens.weight
    assert twin.config is not model.config
    assert twin.model.layers[0].self_attn.config is twin.config  # still one object within the copy


def test_other_models_of_the_same_configuration_are_left_alone() -> None:
    config = tiny_config()
    model, sibling = LlamaForCausalLM(config).eval(), LlamaForCausalLM(config).eval()
    ids = torch.arange(7)[None]
    before = [m(input_ids=ids).logits for m in (model, sibling)]
    tree_model = TreeModel.of(model)
    assert tree_model.model.config._attn_implementation == ATTENTION_NAME
    assert config._attn_implementation != ATTENTION_NAME
    for m, logits in zip((model, sibling), before, strict=True):
        assert torch.equal(m(input_ids=ids).logits, logits)


def test_a_call_without_context_says_so() -> None:
    tree_model = TreeModel.of(LlamaForCausalLM(tiny_config()))
    with pytest.raises(MissingContextError, match=r"LlamaAttention called .* outside TreeModel\.logits"):
        tree_model.model(input_ids=torch.arange(3)[None], use_cache=False)


def test_error_names_type_and_reason() -> None:
    error = UnsupportedModelError("bloom", "it hums")
    assert (error.model_type, error.reason) == ("bloom", "it hums")
    assert "'bloom'" in str(error)
    assert "it hums" in str(error)
    assert str(error).endswith("such as llama or qwen2.")
    assert str(UnsupportedModelError("bloom", "it hums", "Sing")).endswith(": it hums. Sing.")


def test_error_travels_between_processes() -> None:
    error = UnsupportedModelError("bloom", "it hums", "Sing")
    again = pickle.loads(pickle.dumps(error))
    assert (again.model_type, again.reason, again.remedy, str(again)) == (
        "bloom",
        "it hums",
        "Sing",
        str(error),
    )
