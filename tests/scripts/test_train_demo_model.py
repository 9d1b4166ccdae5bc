"""The trainer of the demo model, on a tiny recipe."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
import train_demo_model
from demo_documents import DocumentPlan
from demo_documents.tokens import encode, train_tokenizer
from train_demo_model import PHASES, Recipe
from transformers import AutoModelForCausalLM, AutoTokenizer

TINY = Recipe(
    phases=(replace(PHASES[0], steps=1, batch_documents=8), replace(PHASES[1], steps=1, batch_documents=4)),
    rates=((-1, 0.0), (2, 1e-3)),
    seed=3,
    pool_documents=8,
    vocabulary=400,
    tokenizer_documents=10,
    hidden=32,
    layers=1,
    heads=2,
    kv_heads=1,
    intermediate=32,
)


@pytest.fixture(scope="module")
def tokenizer():
    plans = itertools.islice(PHASES[1].plans(3), TINY.tokenizer_documents)
    return train_tokenizer((plan.document() for plan in plans), TINY.vocabulary)


def test_training_saves_a_model_that_loads(tokenizer, tmp_path):
    model = train_demo_model.train(TINY, tokenizer)
    train_demo_model.save(model, tokenizer, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded.dtype == torch.bfloat16
    token_ids = AutoTokenizer.from_pretrained(tmp_path)("n = int(input())", return_tensors="pt").input_ids
    with torch.no_grad():
        expected = model(token_ids).logits
        assert torch.allclose(loaded(token_ids).logits, expected, rtol=0.05, atol=0.05)


def test_training_is_a_function_of_the_recipe(tokenizer):
    one, other = (train_demo_model.train(TINY, tokenizer).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_training_continues_from_a_checkpoint(tokenizer, tmp_path):
    whole = train_demo_model.train(TINY, tokenizer).state_dict()
    saved = tmp_path / "checkpoint.pt"
    model = train_demo_model.build_model(TINY, tokenizer)
    optimizer = train_demo_model.optimizer_for(model)
    torch.save({"step": 2, "model": whole, "optimizer": optimizer.state_dict()}, saved)
    continued = train_demo_model.train(TINY, tokenizer, checkpoint=saved).state_dict()
    assert all(torch.equal(whole[name], continued[name]) for name in whole)


def test_weights_follow_the_spans(tokenizer):
    document = DocumentPlan("9", 1, "problem-first").document()
    encoded = encode(document, tokenizer, 0.25)
    assert encoded.token_ids[-1] == tokenizer.eos_token_id
    solved = [t for t, w in zip(encoded.token_ids, encoded.weights, strict=True) if w == 1.0][:-1]
    assert tokenizer.decode(solved) == "".join(s.text for s in document.spans if s.kind == "solution")
    assert set(encoded.weights) == {0.25, 1.0}


def test_a_prompt_and_its_solution_are_tokens_apart(tokenizer):
    document = DocumentPlan("9", 0, "problem-first").document()
    prompt, solution = (tokenizer(span.text).input_ids for span in document.spans)
    assert prompt + solution == tokenizer(document.text).input_ids


def test_batches_hold_the_planned_documents(tokenizer):
    (batch,) = train_demo_model.batches(TINY.phases[0], TINY, tokenizer)
    assert batch.token_ids.shape == batch.weights.shape
    assert batch.token_ids.shape[0] == 8
    assert ((batch.token_ids == tokenizer.pad_token_id) <= (batch.weights == 0)).all()


@pytest.mark.parametrize("length", [1, 7, 330])
def test_both_attentions_are_causal_attention(length):
    torch.manual_seed(0)
    query = torch.randn(2, 4, length, 8)
    key, value = torch.randn(2, 2, 2, length, 8).unbind()
    result, _ = train_demo_model.causal_attention(None, query, key, value, None, 8**-0.5)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, is_causal=True, enable_gqa=True
    )
    assert torch.allclose(result.transpose(1, 2), expected, atol=1e-5)


def test_the_learning_rate_follows_its_lines():
    recipe = Recipe(rates=((-1, 0.0), (9, 1.0), (20, 1.0), (30, 0.0)))
    assert [recipe.rate(step) for step in (0, 4, 9, 15, 25, 30)] == pytest.approx(
        [0.1, 0.5, 1.0, 1.0, 0.5, 0.0]
    )
    with pytest.raises(ValueError, match="step 31 has no learning rate"):
        recipe.rate(31)


def test_the_shipped_recipe_has_a_learning_rate_for_each_step():
    recipe = Recipe()
    assert all(recipe.rate(step) >= 0.0 for step in range(recipe.steps))


def test_a_run_can_be_stopped_early(tokenizer):
    one, whole = (train_demo_model.train(TINY, tokenizer, steps) for steps in (1, None))
    assert not torch.equal(one.lm_head.weight, whole.lm_head.weight)
