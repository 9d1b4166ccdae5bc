"""The embedded demo model: what it is, and that the bundled problems are new to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from problems import open_problems

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "sampler" / "demo_model"
if str(ROOT / "scripts") not in sys.path:
    sys.path.insert(0, str(ROOT / "scripts"))

from train_demo_model import Recipe, training_plans  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(FOLDER)


def test_it_is_a_small_llama_in_16_bit(model):
    assert model.config.model_type == "llama"
    assert 2_000_000 <= sum(p.numel() for p in model.parameters()) <= 6_000_000
    assert model.dtype == torch.bfloat16
    assert (FOLDER / "model.safetensors").stat().st_size <= 12_000_000
    assert model.config.max_position_embeddings == 2048


def test_all_files_are_there():
    names = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md"}
    assert names <= {path.name for path in FOLDER.iterdir()}


def test_the_special_tokens_agree(model, tokenizer):
    assert len(tokenizer) <= 2048
    assert model.config.vocab_size == len(tokenizer)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.chat_template is None
    assert tokenizer("a b").input_ids == tokenizer("a b", add_special_tokens=False).input_ids


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n = int(input())\n    print(n)\n",
        "żółw 東京 \U0001f600\t\r\n\0",
        "  a  b\n\n\n c  ",
        "x" * 300,
        "1e-9",
    ],
)
def test_the_tokenizer_round_trips(tokenizer, text):
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_digits_and_indentation_are_tokens(tokenizer):
    assert len(tokenizer("90210").input_ids) == 5
    assert len(tokenizer("\n    ").input_ids) == 1


def test_it_writes_a_program(model, tokenizer):
    from demo_documents import DocumentPlan

    document = DocumentPlan("unseen:1", 0, "problem-first").document()
    prompt = tokenizer("".join(s.text for s in document.spans[:-1]), return_tensors="pt")
    with torch.no_grad():
        output = model.generate(**prompt, max_new_tokens=200, do_sample=False)
    text = tokenizer.decode(output[0, prompt.input_ids.shape[1] :])
    program, fence, _ = text.partition("```")
    assert fence
    compile(program, "written", "exec")


def test_bundled_statements_are_not_among_the_training_documents():
    bundled = {p.problem_id: p.statement for p in open_problems("bundled")}
    whole = {name: _words(text) for name, text in bundled.items()}
    tasks = {_words(text.split("## Input")[0]) for text in bundled.values()}
    for plan in training_plans(Recipe()):
        for specification in plan.specifications():
            statement = _words(specification.statement)
            assert _words(specification.statement.split("## Input")[0]) not in tasks, statement
            assert not any(text in statement for text in whole.values()), statement


def _words(text):
    return " ".join(text.split()).casefold()
