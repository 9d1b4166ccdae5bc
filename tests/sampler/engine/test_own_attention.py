"""Models that the tree refuses, with their own attention: exactly what transformers' `generate` gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tiny_models import VOCABULARY, tiny_model
from transformers import GenerationConfig, PreTrainedModel

from sampler.core import Completion, Prompt, SamplingParams
from sampler.engine import Engine, PromptError
from sampler.engine.call_shapes import FIXED, FREE, CallShapes
from sampler.engine.lockstep import LockstepModel, open_lockstep
from sampler.engine.own_attention import OwnAttentionGeneration, open_for_mode
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import StopRules
from tree_attention import OpenedModel, UnsupportedModelError

FAMILIES = [
    "bloom",
    "mpt",
    "falcon",
    "falcon with ALiBi",
    "codegen",
    "gptj",
    "gpt_neo",
    "xglm",
    "mamba",
    "mamba2",
    "jamba",
    "bamba",
    "qwen3_next",
    "lfm2",
    "llama4_text",
    "llama with dynamic RoPE",
    "llama with longrope",
    "phi3 with longrope",
]
LENGTH = 14
# The second is longer than the original length of the rotary embeddings, the others reach it while decoding.
PROMPTS = [
    Prompt("a", token_ids=(17, 4, 99, 3, 56, 4, 31), samples=5),
    Prompt("b", token_ids=tuple(range(30, 51)), samples=2),
    Prompt("c", token_ids=(8,), samples=(6, 1, 3)),
]


def draw(
    model: PreTrainedModel,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    params: SamplingParams,
    *,
    eos: Sequence[int] = (),
    max_rows: int = 4,
    stats: EngineStats | None = None,
    budget_bytes: float = math.inf,
    shapes: CallShapes = FREE,
) -> list[Completion]:
    rules = StopRules(tokenizer, eos, params)
    tokens = [prompt.token_ids or () for prompt in prompts]
    opened, stats = open_lockstep(model), stats or EngineStats()
    run = OwnAttentionGeneration(
        opened, prompts, tokens, rules, params, max_rows, stats, budget_bytes, shapes=shapes
    )
    return list(run.run())


def own_greedy(model: PreTrainedModel, prompt: Prompt) -> list[int]:
    """What transformers generates after a prompt."""
    ids = torch.tensor([prompt.token_ids])
    settings = GenerationConfig(max_new_tokens=LENGTH, do_sample=False, pad_token_id=0, eos_token_id=None)
    out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    return out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_equals_transformers(family: str, tokenizer: Any) -> None:
    model = tiny_model(family)
    params = SamplingParams(max_new_tokens=LENGTH, temperature=0)
    found = draw(model, tokenizer, PROMPTS, params)
    # A fresh model, because a dynamic rotary embedding remembers what `generate` did before.
    expected = {prompt.prompt_id: own_greedy(tiny_model(family), prompt) for prompt in PROMPTS}
    assert [(c.prompt_id, c.sample_index) for c in found] == [
        (prompt.prompt_id, index) for prompt in PROMPTS for index in prompt.sample_indices
    ]
    for completion in found:
        assert list(completion.token_ids) == expected[completion.prompt_id]


def by_key(completions: Sequence[Completion]) -> dict[tuple[str, int], tuple[tuple[int, ...], str]]:
    found = {(c.prompt_id, c.sample_index): (c.token_ids, c.finish_reason) for c in completions}
    assert len(found) == len(completions)
    return found


@pytest.mark.parametrize(
    "family", ["bloom", "mamba", "jamba", "llama with dynamic RoPE", "phi3 with longrope"]
)
def test_a_sample_depends_on_itself_alone(family: str, tokenizer: Any) -> None:
    """Also on no prompt before it: two of them are longer than the rotary embedding's original length."""
    model = tiny_model(family)
    prompts = [*PROMPTS, Prompt("d", token_ids=tuple(range(70, 88)), samples=3)]
    params = SamplingParams(max_new_tokens=LENGTH, temperature=1.0, top_p=0.9, seed=5)
    eos = range(0, VOCABULARY, 11)
    runs = [
        by_key(draw(model, tokenizer, order, params, eos=eos, max_rows=max_rows))
        for order, max_rows in [(prompts, 1), (prompts[::-1], 3), (prompts, 16)]
    ]
    assert runs[0] == runs[1] == runs[2]
    assert len({len(tokens) for tokens, _ in runs[0].values()}) > 3  # rows end at different steps
    assert {reason for _, reason in runs[0].values()} == {"eos", "length"}
    assert len({tokens for tokens, _ in runs[0].values()}) > 10


def test_samples_are_those_of_the_tree(tokenizer: Any) -> None:
    """A model that can be run both ways draws the same tokens."""
    model = tiny_model("llama")
    params = SamplingParams(max_new_tokens=LENGTH, temperature=1.0, top_p=0.9, seed=5)
    own = by_key(draw(model, tokenizer, PROMPTS, params, eos=[tokenizer.eos_token_id]))
    engine = Engine(model, tokenizer, max_rows=4)
    assert own == by_key(list(engine.generate(PROMPTS, params)))


def test_log_probabilities(tokenizer: Any) -> None:
    """Those of the model's own distribution, whatever the tokens were drawn from."""
    model = tiny_model("bloom")
    params = SamplingParams(max_new_tokens=5, temperature=0.5, top_k=9, logprobs=True)
    for completion in draw(model, tokenizer, PROMPTS[:1], params):
        ids = torch.tensor([PROMPTS[0].token_ids + completion.token_ids])
        logits = model(input_ids=ids).logits[0, -6:-1]
        expected = logits.log_softmax(-1).gather(1, ids[0, -5:, None])[:, 0]
        assert completion.token_logprobs == pytest.approx(expected.tolist(), abs=1e-4)
        assert completion.logprob == pytest.approx(sum(completion.token_logprobs))


def test_counts(tokenizer: Any) -> None:
    stats = EngineStats()
    params = SamplingParams(max_new_tokens=4)
    found = draw(tiny_model("gptj"), tokenizer, PROMPTS, params, max_rows=3, stats=stats)
    assert stats.completions == len(found) == 10
    assert stats.new_tokens == sum(len(c.token_ids) for c in found) == 40
    assert stats.prefilled_tokens == 7 + 21 + 1  # each prompt once, though the first needs two groups of rows
    assert stats.prompt_tokens == 5 * 7 + 2 * 21 + 3 * 1 == sum(c.prompt_tokens for c in found)
    assert stats.steps == 4 * 3  # of four groups, each with a first token from the prefill
    assert stats.shared_tokens_read == 0 == sum(c.shared_prompt_tokens for c in found)
    token_bytes = 3 * 2 * 32 * 4  # layers, keys and values, hidden size, float32
    assert stats.kv_bytes == 0
    # Three tokens of each row are fed, and the rows are padded to a multiple of four.
    assert stats.kv_bytes_peak == 4 * (21 + 3) * token_bytes
    assert stats.seconds > 0


def test_stop_strings(tokenizer: Any) -> None:
    model = tiny_model("bloom")
    prompt = Prompt("p", token_ids=(17, 4, 99), samples=12)
    params = SamplingParams(
        max_new_tokens=40, temperature=1.5, stop=("!", "0", "A"), stop_at_closed_fence=True
    )
    stats = EngineStats()
    found = draw(model, tokenizer, [prompt], params, max_rows=12, stats=stats)
    stopped = [c for c in found if c.finish_reason == "stop"]
    assert len(stopped) > 2
    for completion in stopped:
        whole = tokenizer.decode(completion.token_ids)
        assert completion.text == whole[:-1]
        assert whole[-1] in "!0A"
    assert stats.tokens_saved == sum(40 - len(c.token_ids) for c in found) > 0


def test_a_budget_bounds_the_rows(tokenizer: Any) -> None:
    model = tiny_model("bloom")
    params = SamplingParams(max_new_tokens=4, temperature=0.7)
    prompt = Prompt("p", token_ids=tuple(range(40)), samples=11)
    row = 44 * 3 * 2 * 32 * 4
    free, tight = EngineStats(), EngineStats()
    expected = draw(model, tokenizer, [prompt], params, max_rows=64, stats=free)
    found = draw(model, tokenizer, [prompt], params, max_rows=64, stats=tight, budget_bytes=5 * row)
    assert by_key(found) == by_key(expected)
    assert (free.steps, tight.steps) == (3, 9)  # rows of 11, and of 4, 4 and 3
    assert tight.kv_bytes_peak <= 5 * row < free.kv_bytes_peak


def test_a_prompt_that_cannot_fit_is_named_before_anything_is_drawn(tokenizer: Any) -> None:
    stats = EngineStats()
    prompts = [Prompt("short", token_ids=(1,)), Prompt("long", token_ids=tuple(range(90)))]
    model, params = tiny_model("bloom"), SamplingParams(max_new_tokens=4)
    message = r"'long' has 90 tokens.* budget of 200,000 bytes.*--engine.kv_memory"
    with pytest.raises(PromptError, match=message):
        draw(model, tokenizer, prompts, params, stats=stats, budget_bytes=200_000)
    assert stats == EngineStats()


def test_a_prompt_that_fits_but_for_fixed_shapes(tokenizer: Any) -> None:
    model, params = tiny_model("bloom"), SamplingParams(max_new_tokens=4)
    prompt = Prompt("p", token_ids=tuple(range(40)), samples=2)
    row = 44 * 3 * 2 * 32 * 4
    assert len(draw(model, tokenizer, [prompt], params, budget_bytes=64 * row)) == 2
    says = (
        rf"has 40 tokens.* the 64 rows of a call, beside the prompt's, need {65 * row:,} bytes.*; "
        rf"deterministic gives every call so many; the budget of {64 * row:,} bytes"
        r".*--engine.deterministic\) to false"
    )
    with pytest.raises(PromptError, match=says):
        draw(model, tokenizer, [prompt], params, budget_bytes=64 * row, shapes=FIXED)
    assert len(draw(model, tokenizer, [prompt], params, budget_bytes=65 * row, shapes=FIXED)) == 2
    with pytest.raises(PromptError, match="the 4 rows of a call") as caught:
        draw(model, tokenizer, [prompt], params, budget_bytes=5 * row - 1)
    assert "deterministic" not in str(caught.value)


def test_fixed_shapes_change_no_token(tokenizer: Any) -> None:
    model = tiny_model("jamba")
    params = SamplingParams(max_new_tokens=4, temperature=0.7)
    stats = EngineStats()
    fixed = draw(model, tokenizer, PROMPTS, params, stats=stats, shapes=FIXED, max_rows=70)
    assert by_key(fixed) == by_key(draw(model, tokenizer, PROMPTS, params))
    opened = open_lockstep(model)
    # The second prompt's rows are padded to 64; each has been fed 21 + 3 tokens.
    assert stats.kv_bytes_peak == 64 * (opened.fixed_bytes + 24 * opened.token_bytes)


def test_closing_early_frees_everything(tokenizer: Any) -> None:
    stats = EngineStats()
    params = SamplingParams(max_new_tokens=50)
    rules = StopRules(tokenizer, range(0, VOCABULARY, 5), params)
    prompt = Prompt("p", token_ids=(3, 1, 4), samples=30)
    model = open_lockstep(tiny_model("mamba"))
    run = OwnAttentionGeneration(model, [prompt], [(3, 1, 4)], rules, params, 8, stats).run()
    next(run)
    assert stats.kv_bytes > 0
    run.close()
    assert stats.kv_bytes == 0
    assert stats.completions < 30


def test_the_model_is_left_as_it_is(tokenizer: Any) -> None:
    model = tiny_model("llama with dynamic RoPE")
    ids = torch.arange(12)[None]
    before = model(input_ids=ids).logits
    draw(model, tokenizer, PROMPTS, SamplingParams(max_new_tokens=LENGTH, temperature=0))
    assert model.model.rotary_emb.max_seq_len_cached == 16
    assert torch.equal(model(input_ids=ids).logits, before)


@pytest.mark.parametrize("family", ["bloom", "mamba", "llama with dynamic RoPE"])
def test_the_way_out_is_named_and_taken(family: str) -> None:
    model = tiny_model(family)
    with pytest.raises(UnsupportedModelError, match=r"exactly: .*\. Use --engine\.attention per_sequence: "):
        open_for_mode(model, "tree")
    assert isinstance(open_for_mode(model, "per_sequence"), LockstepModel)


@pytest.mark.parametrize("attention", ["tree", "per_sequence"])
@pytest.mark.parametrize("family", ["minimax", "rwkv"])
def test_no_way_out_is_promised_where_there_is_none(family: str, attention: str) -> None:
    with pytest.raises(UnsupportedModelError, match=r"Nor can it be .* own attention and cache: ") as caught:
        open_for_mode(tiny_model(family), attention)
    assert "per_sequence" not in str(caught.value)


@pytest.mark.parametrize("attention", ["tree", "single_level", "per_sequence"])
def test_the_tree_is_used_where_it_can_be(attention: str) -> None:
    assert isinstance(open_for_mode(tiny_model("llama"), attention), OpenedModel)


@pytest.mark.parametrize("family", ["falcon with ALiBi", "jamba", "llama with dynamic RoPE"])
def test_the_engine_decodes_what_the_tree_refuses(family: str, tokenizer: Any) -> None:
    model = tiny_model(family)
    params = SamplingParams(max_new_tokens=LENGTH, temperature=1.0, top_p=0.9, seed=5)
    engine = Engine(model, tokenizer, attention="per_sequence", max_rows=3)
    found = list(engine.generate(PROMPTS, params))
    expected = draw(model, tokenizer, PROMPTS, params, eos=[tokenizer.eos_token_id])
    assert by_key(found) == by_key(expected)
    assert engine.stats.completions == len(found)
    fixed = Engine(model, tokenizer, attention="per_sequence", max_rows=3, deterministic=True)
    assert by_key(list(fixed.generate(PROMPTS, params))) == by_key(expected)
    assert fixed.stats.kv_bytes_peak > engine.stats.kv_bytes_peak  # rows are padded to 64


def test_dynamic_rope_reaches_beyond_its_original_length(tokenizer: Any) -> None:
    engine = Engine(tiny_model("llama with dynamic RoPE"), tokenizer, attention="per_sequence")
    with pytest.raises(PromptError, match="needs 65 positions; the model has 64"):
        engine.generate([Prompt("p", token_ids=tuple(range(60)))], SamplingParams(max_new_tokens=5))


def test_a_budget_that_is_too_small_is_an_error_of_the_prompt(tokenizer: Any) -> None:
    engine = Engine(tiny_model("bloom"), tokenizer, attention="per_sequence", kv_memory=100_000)
    with pytest.raises(PromptError, match="budget of 100,000 bytes"):
        engine.generate([Prompt("p", token_ids=tuple(range(60)))], SamplingParams(max_new_tokens=5))
