"""Prompts are prefilled once, in chunks at fixed places, several in a call, and never hold decoding up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tiny_models import tiny_model

from sampler.engine import Engine, Prompt, SamplingParams
from sampler.engine import engine as engine_module
from sampler.engine.call_shapes import FIXED, FREE, CallShapes
from sampler.engine.prefill import Chunk, Prefill
from tree_attention import TreeModel

PARAMS = SamplingParams(max_new_tokens=12, temperature=0)

Call = list[tuple[int, int, int]]  # a node's index and the tokens of it


def prompts_of(lengths: Sequence[int], samples: int = 1) -> list[Prompt]:
    """Prompts that share nothing."""
    return [
        Prompt(f"p{i}", token_ids=tuple([i + 1] * length), samples=samples)
        for i, length in enumerate(lengths)
    ]


def calls_of(
    monkeypatch: pytest.MonkeyPatch, tokenizer: Any, shapes: CallShapes, prompts: list[Prompt], rows: int = 8
) -> tuple[list[Call | str], Engine]:
    """The model's calls while the prompts are drawn: chunks of each prefill call, or "decode"."""
    monkeypatch.setattr(engine_module, "FREE", shapes)
    engine = Engine(tiny_model("llama"), tokenizer, max_rows=rows)
    calls: list[Call | str] = []
    prefill, logits = Prefill._call, TreeModel.logits

    def prefilled(self: Prefill, chunks: Sequence[Chunk]) -> None:
        calls.append([(chunk.node.index, chunk.lo, chunk.hi) for chunk in chunks])
        prefill(self, chunks)

    def decoded(self: TreeModel, tokens: Any, positions: Any, context: Any, keep: Any = None) -> Any:
        if keep is None:
            calls.append("decode")
        return logits(self, tokens, positions, context, keep)

    monkeypatch.setattr(Prefill, "_call", prefilled)
    monkeypatch.setattr(TreeModel, "logits", decoded)
    list(engine.generate(prompts, PARAMS))
    return calls, engine


def test_nodes_are_cut_at_fixed_places_and_packed(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    shapes = replace(FREE, chunk_tokens=10)
    calls, engine = calls_of(monkeypatch, tokenizer, shapes, prompts_of([3, 25, 4, 7, 1]))
    assert [call for call in calls if call != "decode"] == [
        [(0, 0, 3)],  # the next one's first chunk does not fit beside it
        [(1, 0, 10)],
        [(1, 10, 20)],
        [(1, 20, 25), (2, 0, 4)],
        [(3, 0, 7), (4, 0, 1)],
    ]
    assert engine.stats.prefilled_tokens == 3 + 25 + 4 + 7 + 1


def test_decoding_goes_on_between_the_calls(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    shapes = replace(FREE, chunk_tokens=10)
    calls, engine = calls_of(monkeypatch, tokenizer, shapes, prompts_of([3, 80]))
    first = calls.index("decode")
    kinds = ["decode" if call == "decode" else "prefill" for call in calls[first:]]
    assert kinds[:16] == ["decode", "prefill"] * 8
    assert engine.stats.completions == 2


def test_fixed_calls_take_one_chunk(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    calls, _ = calls_of(monkeypatch, tokenizer, FIXED, prompts_of([3, 4]))
    assert [call for call in calls if call != "decode"] == [[(0, 0, 3)], [(1, 0, 4)]]


def test_a_node_is_prefilled_when_its_first_sample_is_admitted(
    monkeypatch: pytest.MonkeyPatch, tokenizer: Any
) -> None:
    calls, engine = calls_of(monkeypatch, tokenizer, FREE, prompts_of([5, 6, 7], samples=4), rows=3)
    assert [call for call in calls if call != "decode"] == [[(0, 0, 5)], [(1, 0, 6)], [(2, 0, 7)]]
    assert calls[1:11] == ["decode"] * 10
    assert engine.stats.prefilled_tokens == 18
