"""A byte-level tokenizer and tiny models, made in memory."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from sampler.engine import Engine

# One core each: the models are far too small to share out, and other tests run beside these.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """Token 0 ends a sequence, tokens 1 to 256 are the bytes, and a few are longer."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("a", "b"), ("ab", "c"), ("Ċ", "`"), ("`", "`")]
    pieces = ["<eos>", *alphabet, *("".join(pair) for pair in merges)]
    bpe = models.BPE({piece: index for index, piece in enumerate(pieces)}, merges)
    backend = Tokenizer(bpe)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>")


@pytest.fixture(scope="session")
def llama() -> PreTrainedModel:
    """A random Llama whose logits are well apart."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=261,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.4,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def engine(llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Engine:
    """A fresh engine around the Llama, of five rows."""
    return Engine(llama, tokenizer, max_rows=5)
