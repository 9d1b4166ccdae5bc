"""A real tokenizer and real text, made from what every Python has: the standard library's source."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END = "<|end|>"  # token 0
_CHARACTERS = 3_000_000  # learnt from


@lru_cache
def source_text(characters: int = _CHARACTERS) -> str:
    """Source of the standard library's modules, in the order of their names."""
    text = ""
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        if len(text) >= characters:
            break
        text += path.read_text(encoding="utf-8", errors="replace")
    return text[:characters]


def make_tokenizer(vocabulary: int, *, ends: bool) -> PreTrainedTokenizerFast:
    """A byte-level BPE of so many tokens; with `ends`, token 0 ends a sequence, else none does."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(source_text().splitlines(keepends=True), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END if ends else None)
