"""From documents to batches of tokens: the demo model's tokenizer, loss weights and padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from demo_documents.documents import Document

END, PAD = "<|endoftext|>", "<|pad|>"
# A newline takes its indentation with it; digits stand singly; a word takes the space before it.
_PIECES = Regex(r"\n+ *| ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+")


@dataclass(frozen=True)
class Encoded:
    """A document as tokens; `weights[i]` is the weight of predicting token i."""

    token_ids: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Batch:
    """Documents padded on the right to one length: `token_ids` and `weights` are [documents, length]."""

    token_ids: torch.Tensor
    weights: torch.Tensor


def train_tokenizer(documents: Iterable[Document], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of at most `vocabulary` tokens, the two special ones included."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((document.text for document in documents), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=2048,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def encode(document: Document, tokenizer: PreTrainedTokenizerFast, prompt_weight: float) -> Encoded:
    """The tokens of the document's whole text and the end token, each weighted by the span it begins in."""
    found = tokenizer(document.text, return_offsets_mapping=True)
    ends, position = [], 0
    for span in document.spans:
        position += len(span.text)
        ends.append((position, 1.0 if span.kind == "solution" else prompt_weight))
    weights, current = [], 0
    for start, _ in found["offset_mapping"]:
        while start >= ends[current][0]:
            current += 1
        weights.append(ends[current][1])
    return Encoded([*found["input_ids"], tokenizer.eos_token_id], [*weights, 1.0])


def pad_batch(group: Sequence[Encoded], pad: int) -> Batch:
    """The documents in one batch, filled up on the right with the token `pad`."""
    length = max(len(one.token_ids) for one in group)
    token_ids = torch.full((len(group), length), pad)
    weights = torch.zeros(len(group), length)
    for row, one in enumerate(group):
        token_ids[row, : len(one.token_ids)] = torch.tensor(one.token_ids)
        weights[row, : len(one.weights)] = torch.tensor(one.weights)
    return Batch(token_ids, weights)
