"""Modes of attention: the same tokens from all that attend; what each stores, prefills and reads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import tiny_model

from sampler.engine import Engine, Prompt, SamplingParams
from sampler.engine.modes import ATTENTION_MODES

STEM = tuple(range(1, 41))
PROMPTS = [
    Prompt("a", token_ids=(*STEM, 41, 42, 43), samples=6),
    Prompt("b", token_ids=(*STEM, 51, 52), samples=4),
    Prompt("c", token_ids=STEM, samples=2),
    Prompt("d", token_ids=(7, 7), samples=2),
]
SAMPLES = 14
PARAMS = SamplingParams(max_new_tokens=18, temperature=0.9, seed=5)  # a second page is begun


def run(engine: Engine, params: SamplingParams = PARAMS) -> dict[tuple[str, int], tuple[int, ...]]:
    found = {(c.prompt_id, c.sample_index): c.token_ids for c in engine.generate(PROMPTS, params)}
    assert len(found) == SAMPLES
    assert engine.stats.kv_bytes == 0
    return found


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_modes_that_attend_draw_the_same(family: str, tokenizer: Any) -> None:
    model = tiny_model(family)
    tree, *others = (
        run(Engine(model, tokenizer, attention=mode, max_rows=6))
        for mode in ("tree", "single_level", "per_sequence")
    )
    assert others == [tree, tree]


@pytest.mark.parametrize(
    ("mode", "prefilled"),
    [
        ("tree", 40 + 3 + 2 + 2),
        ("single_level", 40 + 6 * 3 + 4 * 2 + 2),
        ("per_sequence", 40 + 3 + 2 + 2),
        ("no_attention", 40 + 3 + 2 + 2),
    ],
)
def test_what_is_prefilled(mode: str, prefilled: int, tokenizer: Any) -> None:
    engine = Engine(tiny_model("llama"), tokenizer, attention=mode, max_rows=6)
    run(engine)
    assert engine.stats.prefilled_tokens == prefilled
    assert engine.describe()["attention"] == mode


def test_reads_are_shared_as_the_mode_says(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tree_attention.kv_pool.costs_less_folded", lambda *_: False)
    read = {}
    for mode in ("tree", "single_level", "per_sequence"):
        engine = Engine(tiny_model("llama"), tokenizer, attention=mode, max_rows=SAMPLES)
        run(engine, SamplingParams(max_new_tokens=3, temperature=0))  # in which no sample ends early
        assert (engine.stats.steps, engine.stats.tokens_saved) == (2, 0)
        read[mode] = engine.stats.shared_tokens_read / 2
    # Rows below each node, but the first: 11 of the stem, 5 and 3 of the leaves of a and b, 1 of d.
    assert read == {"tree": 11 * 40 + 5 * 3 + 3 * 2 + 2, "single_level": 11 * 40 + 2, "per_sequence": 0}


def test_without_attention_nothing_is_stored(tokenizer: Any) -> None:
    engine = Engine(tiny_model("llama"), tokenizer, attention="no_attention", kv_memory=1)
    run(engine)
    assert engine.stats.kv_bytes_peak == 0


def test_without_attention_the_output_of_attention_is_zero(tokenizer: Any) -> None:
    """Then the tokens are those of a model whose output projections give nothing."""
    model = tiny_model("llama")
    found = run(Engine(model, tokenizer, attention="no_attention"))
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    assert run(Engine(model, tokenizer)) == found


def test_the_names_are_those_of_the_modes() -> None:
    assert list(ATTENTION_MODES) == ["tree", "single_level", "per_sequence", "no_attention"]
    assert all(name == mode.name for name, mode in ATTENTION_MODES.items())
