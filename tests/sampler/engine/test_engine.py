"""The engine: what a sample is depends on nothing but itself; errors come early; nothing is left behind."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

import sampler.engine
from sampler.engine import Completion, Engine, ModelOutputError, Prompt, PromptError, SamplingParams
from sampler.engine import engine as engine_module
from sampler.engine.call_shapes import FREE
from tree_attention import TreeModel

STEM = "Given n, print it.\n"
PROMPTS = [
    Prompt("a", text=STEM + "Example 1\n", samples=6),
    Prompt("b", text=STEM + "Example 1\nExample 2\n", samples=4),
    Prompt("c", text=STEM, samples=3),
    Prompt("d", text="Other", samples=(7, 2)),
]
PARAMS = SamplingParams(max_new_tokens=24, temperature=0.9, top_p=0.9, stop=("a", "\n\n"), seed=11)

Key = tuple[str, int]


def by_key(completions: Sequence[Completion]) -> dict[Key, tuple[Any, ...]]:
    found = {(c.prompt_id, c.sample_index): (c.token_ids, c.text, c.finish_reason) for c in completions}
    assert len(found) == len(completions)
    return found


@pytest.fixture(scope="module")
def expected(llama: Any, tokenizer: Any) -> dict[Key, tuple[Any, ...]]:
    """Every sample, drawn alone."""
    engine = Engine(llama, tokenizer, max_rows=1)
    return by_key(
        [
            completion
            for prompt in PROMPTS
            for index in prompt.sample_indices
            for completion in engine.generate(
                [Prompt(prompt.prompt_id, prompt.text, samples=(index,))], PARAMS
            )
        ]
    )


@pytest.mark.parametrize("max_rows", [1, 3, 16, 64])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_sample_depends_on_itself_alone(
    llama: Any, tokenizer: Any, expected: dict[Key, tuple[Any, ...]], max_rows: int, order: int
) -> None:
    prompts = list(PROMPTS)
    random.Random(order).shuffle(prompts)
    engine = Engine(llama, tokenizer, max_rows=max_rows)
    assert by_key(list(engine.generate(prompts, PARAMS))) == expected


def test_samples_differ_and_seeds_differ(engine: Engine, expected: dict[Key, tuple[Any, ...]]) -> None:
    assert len({tokens for tokens, _, _ in expected.values()}) > 10
    other = by_key(list(engine.generate(PROMPTS, SamplingParams(max_new_tokens=24, stop=("a",), seed=12))))
    assert sum(other[key] == expected[key] for key in expected) < 3


def test_reasons_and_texts(expected: dict[Key, tuple[Any, ...]], tokenizer: Any) -> None:
    reasons = {reason for _, _, reason in expected.values()}
    assert {"stop", "length"} <= reasons
    for tokens, text, reason in expected.values():
        whole = tokenizer.decode(tokens, skip_special_tokens=True)
        assert whole.startswith(text)
        assert "a" not in text
        assert (whole == text) == (reason != "stop")
        assert (len(tokens) == 24) or reason != "length"


@pytest.mark.parametrize("prefill_tokens", [1, 5, 4096])
def test_prefill_may_be_cut_anywhere(
    llama: Any,
    tokenizer: Any,
    expected: dict[Key, tuple[Any, ...]],
    prefill_tokens: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "FREE", replace(FREE, chunk_tokens=prefill_tokens))
    engine = Engine(llama, tokenizer, max_rows=5)
    assert by_key(list(engine.generate(PROMPTS, PARAMS))) == expected


def test_counts(engine: Engine) -> None:
    completions = list(engine.generate(PROMPTS, PARAMS))
    stats = engine.stats
    lengths = {p.prompt_id: len(engine.tokenize(p)) for p in PROMPTS}
    assert stats.completions == len(completions) == 15
    assert stats.new_tokens == sum(len(c.token_ids) for c in completions)
    assert stats.prompt_tokens == sum(c.prompt_tokens for c in completions)
    assert stats.prefilled_tokens == lengths["b"] + lengths["d"]  # a and c are prefixes of b
    assert stats.kv_bytes == 0 < stats.kv_bytes_peak
    assert stats.seconds > 0
    assert stats.tokens_per_second == pytest.approx(stats.new_tokens / stats.seconds)
    for completion in completions:
        assert completion.prompt_tokens == lengths[completion.prompt_id]
        assert completion.shared_prompt_tokens == lengths[completion.prompt_id]  # every node has two samples
        assert completion.logprob is None
        assert completion.seconds >= 0


def test_saved_tokens_and_ends_are_counted(engine: Engine) -> None:
    params = SamplingParams(max_new_tokens=60, temperature=1.0, top_p=1.0, stop=("a",), seed=2)
    completions = list(engine.generate(PROMPTS, params))
    assert {c.finish_reason for c in completions} == {"eos", "stop", "length"}
    assert engine.stats.tokens_saved == sum(60 - len(c.token_ids) for c in completions) > 0


def test_a_closed_fence_ends_a_sample(llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is made to write a given text; each prompt reads it as its own fence has it."""
    text = "x\n```\ny\n```\nz" + "!" * 40
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    engine = Engine(llama, tokenizer, max_rows=3)
    logits = TreeModel.logits

    def scripted(self: TreeModel, tokens: Any, positions: Any, context: Any, keep: Any = None) -> Any:
        found = torch.zeros_like(logits(self, tokens, positions, context, keep))
        kept = positions if keep is None else positions[keep]
        script = torch.tensor(ids)[kept.clamp(max=len(ids) - 1)]  # prompts have one token
        return found.scatter(1, script[:, None], 1.0)

    monkeypatch.setattr(TreeModel, "logits", scripted)
    prompts = [Prompt("open", token_ids=(5,), opens_fence=True), Prompt("none", token_ids=(6,))]
    params = SamplingParams(max_new_tokens=50, temperature=0, stop_at_closed_fence=True)
    found = {c.prompt_id: (c.text, c.finish_reason) for c in engine.generate(prompts, params)}
    assert found == {"open": ("x\n```\n", "fence"), "none": ("x\n```\ny\n```\n", "fence")}
    longer = SamplingParams(max_new_tokens=15, temperature=0)
    assert {c.finish_reason for c in engine.generate(prompts, longer)} == {"length"}


def test_shared_reads_are_counted(engine: Engine) -> None:
    """Two prompts of one stem, with too many readers to be folded: a step of five rows reads it once."""
    stem = tuple(range(1, 220))
    prompts = [Prompt("x", token_ids=(*stem, 5), samples=10), Prompt("y", token_ids=(*stem, 6), samples=10)]
    list(engine.generate(prompts, SamplingParams(max_new_tokens=3, temperature=0)))
    assert engine.stats.steps == 2 * 4  # twenty samples, five at a time
    assert engine.stats.shared_tokens_read == engine.stats.steps * 4 * len(stem)


def test_unshared_tokens_are_counted_as_such(engine: Engine) -> None:
    prompts = [
        Prompt("x", token_ids=(5, 6, 7, 8)),
        Prompt("y", token_ids=(5, 6, 9)),
        Prompt("z", token_ids=(4,)),
    ]
    found = {c.prompt_id: c for c in engine.generate(prompts, SamplingParams(max_new_tokens=2))}
    assert {k: c.shared_prompt_tokens for k, c in found.items()} == {"x": 2, "y": 2, "z": 0}


def test_completions_stream(engine: Engine) -> None:
    stream = engine.generate([Prompt("p", text="hello", samples=40)], SamplingParams(max_new_tokens=3))
    next(stream)
    assert engine.stats.new_tokens <= 3 * engine.max_rows
    assert len(list(stream)) == 39


def test_closing_early_frees_everything_and_the_engine_goes_on(
    engine: Engine, expected: dict[Key, tuple[Any, ...]]
) -> None:
    stream = engine.generate(PROMPTS, PARAMS)
    next(stream)
    assert engine.stats.kv_bytes > 0
    stream.close()  # type: ignore[attr-defined]
    assert engine.stats.kv_bytes == 0
    assert by_key(list(engine.generate(PROMPTS, PARAMS))) == expected


def test_calls_may_be_interleaved(engine: Engine, expected: dict[Key, tuple[Any, ...]]) -> None:
    first, second = engine.generate(PROMPTS[:2], PARAMS), engine.generate(PROMPTS[2:], PARAMS)
    found = [next(first), next(second), *first, *second]
    assert by_key(found) == expected
    assert engine.stats.kv_bytes == 0


def test_first_token_may_be_the_last(engine: Engine) -> None:
    found = list(engine.generate(PROMPTS, SamplingParams(max_new_tokens=1, temperature=0)))
    assert [len(c.token_ids) for c in found] == [1] * 15
    assert engine.stats.steps == 0


def test_nothing_to_do(engine: Engine) -> None:
    assert list(engine.generate([])) == []
    assert list(engine.generate([Prompt("p", text="x", samples=0)])) == []


def test_equal_prompts_under_two_names(engine: Engine) -> None:
    prompts = [Prompt("p", text="same", samples=2), Prompt("q", text="same", samples=2)]
    found = by_key(
        list(engine.generate(prompts, SamplingParams(max_new_tokens=12, temperature=1.0, top_p=1.0)))
    )
    assert len({tokens for tokens, _, _ in found.values()}) == 4
    assert engine.stats.prefilled_tokens == 4


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (Prompt("bad"), "exactly one of text and token_ids"),
        (Prompt("bad", text="x", token_ids=(1,)), "exactly one of text and token_ids"),
        (Prompt("bad", text=""), "has no tokens"),
        (Prompt("bad", token_ids=()), "has no tokens"),
        (Prompt("bad", token_ids=(5, 261)), "has token 261; the model has tokens 0 to 260"),
        (Prompt("bad", token_ids=(-1, 5)), "has token -1"),
        (Prompt("good", text="again"), "is given twice"),
        (Prompt("bad", text="x", samples=(1, 1)), "sample indices that repeat"),
        (Prompt("bad", text="x", samples=(-1,)), "sample indices"),
        (
            Prompt("bad", text="x" * 250),
            "has 250 tokens, and with max_new_tokens 24 needs 274 positions",
        ),
    ],
)
def test_prompts_are_checked_before_anything_is_drawn(engine: Engine, prompt: Prompt, reason: str) -> None:
    with pytest.raises(PromptError, match=reason) as caught:
        engine.generate([Prompt("good", text="fine"), prompt], PARAMS)
    assert caught.value.prompt_id == prompt.prompt_id
    assert isinstance(caught.value, ValueError)
    assert engine.stats.prefilled_tokens == 0


def test_a_prompt_that_just_fits(engine: Engine) -> None:
    (found,) = engine.generate(
        [Prompt("p", text="x" * 200)], SamplingParams(max_new_tokens=56, temperature=0)
    )
    assert len(found.token_ids) == 56


def test_tokenize_adds_special_tokens_as_told(llama: Any, tokenizer: Any) -> None:
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    backend = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    backend.post_processor = TemplateProcessing(single="<eos> $A", special_tokens=[("<eos>", 0)])
    engine = Engine(llama, PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>"))
    plain = engine.tokenize(Prompt("p", text="hi", add_special_tokens=False))
    assert engine.tokenize(Prompt("p", text="hi")) == (0, *plain)


def test_broken_weights_are_an_error_and_free_everything(llama: Any, tokenizer: Any) -> None:
    model = copy.deepcopy(llama)
    engine = Engine(model, tokenizer)
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    with pytest.raises(ModelOutputError, match="largest logit"):
        list(engine.generate(PROMPTS, PARAMS))
    assert engine.stats.kv_bytes == 0


@pytest.fixture
def overflowing(llama: Any, tokenizer: Any, expected: dict[Key, tuple[Any, ...]]) -> tuple[Engine, int]:
    """An engine around a Llama whose numbers overflow at one token, which no sample has; and that token."""
    drawn = {token for tokens, _, _ in expected.values() for token in tokens}
    token = min(set(range(130, 257)) - drawn)  # no letter of the prompts
    model = copy.deepcopy(llama)
    with torch.no_grad():
        model.model.embed_tokens.weight[token] = float("inf")
    return Engine(model, tokenizer, max_rows=5), token


def test_numbers_that_overflow_are_gone_with_their_call(
    overflowing: tuple[Engine, int], expected: dict[Key, tuple[Any, ...]]
) -> None:
    """Short prompts lie in pages, and what is written there is read with what was left there before."""
    engine, token = overflowing
    assert by_key(list(engine.generate(PROMPTS, PARAMS))) == expected
    bad = [Prompt("bad", token_ids=(token,) * 90)]
    with pytest.raises(ModelOutputError, match="largest logit"):
        list(engine.generate(bad, PARAMS))
    assert by_key(list(engine.generate(PROMPTS, PARAMS))) == expected

    between = engine.generate(PROMPTS, PARAMS)
    found = [next(between)]
    with pytest.raises(ModelOutputError, match="largest logit"):
        list(engine.generate(bad, PARAMS))
    assert by_key([*found, *between]) == expected


def test_numbers_that_overflow_are_gone_with_a_call_closed_early(
    overflowing: tuple[Engine, int], expected: dict[Key, tuple[Any, ...]]
) -> None:
    """One of three chunks of the bad prompt is in pages when the other prompt's sample ends."""
    engine, token = overflowing
    engine._opened._shapes = replace(FREE, chunk_tokens=64)  # type: ignore[union-attr]
    prompts = [Prompt("good", token_ids=(1,)), Prompt("bad", token_ids=(token,) * 150)]
    stream = engine.generate(prompts, SamplingParams(max_new_tokens=3, temperature=0))
    assert len(next(stream).token_ids) == 3
    assert engine.stats.prefilled_tokens == 1 + 64
    stream.close()  # type: ignore[attr-defined]
    assert by_key(list(engine.generate(PROMPTS, PARAMS))) == expected


@pytest.mark.parametrize(("name", "value"), [("attention", "flash"), ("max_rows", 0)])
def test_arguments_are_checked(llama: Any, tokenizer: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{value}"):
        Engine(llama, tokenizer, **{name: value})


def test_the_model_itself_is_left_alone(llama: Any, tokenizer: Any) -> None:
    before = llama.config._attn_implementation
    Engine(llama, tokenizer)
    assert llama.config._attn_implementation == before


def test_exported_names() -> None:
    assert sorted(sampler.engine.__all__) == [
        "Completion",
        "DeviceError",
        "Engine",
        "EngineError",
        "EngineStats",
        "KvMemoryError",
        "ModelLoadError",
        "ModelOutputError",
        "Prompt",
        "PromptError",
        "SamplingParams",
        "TensorParallelError",
    ]
    for name in sampler.engine.__all__:
        assert hasattr(sampler.engine, name)
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        _ = sampler.engine.Motor


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = "import sys, sampler.engine, tree_attention; print({'torch', 'transformers'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() in {"[]", "set()"}


def test_the_engine_needs_torch_and_transformers_only() -> None:
    banned = ("ray", "datasets", "matplotlib", "judge", "problems", "sampler.pipeline")
    code = f"import sys, sampler.engine.engine; print([m for m in {banned} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() in {"[]", "set()"}
