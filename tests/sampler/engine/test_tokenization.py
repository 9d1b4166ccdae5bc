"""Prompts are tokenized as a whole, the same with and without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sampler.core import Prompt
from sampler.engine import Engine, ModelLoadError, PromptError
from sampler.engine.tokenization import load_tokenizer, tokenize

PROMPTS = [
    Prompt("text", text="abc → abc\n```"),
    Prompt("tokens", token_ids=(3, 1, 4)),
    Prompt("bare", text="x", add_special_tokens=False),
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda p: p.prompt_id)
def test_the_engine_gives_the_same_tokens(engine: Engine, tokenizer: Any, prompt: Prompt) -> None:
    assert tokenize(tokenizer, prompt) == engine.tokenize(prompt)


def test_text_is_tokenized_as_a_whole(tokenizer: Any) -> None:
    """Glued pieces would give other tokens: "ab" and "c" are one token together."""
    whole = tokenize(tokenizer, Prompt("p", text="abc"))
    assert len(whole) == 1
    assert whole != tokenize(tokenizer, Prompt("p", text="ab")) + tokenize(tokenizer, Prompt("p", text="c"))


def test_a_saved_tokenizer_loads(tokenizer: Any, llama: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    llama.config.save_pretrained(tmp_path)
    assert tokenize(load_tokenizer(tmp_path), PROMPTS[0]) == tokenize(tokenizer, PROMPTS[0])


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ModelLoadError, match=r"'\./nowhere': there is no"):
        load_tokenizer("./nowhere")


def test_a_prompt_needs_one_form(tokenizer: Any) -> None:
    with pytest.raises(PromptError, match="exactly one"):
        tokenize(tokenizer, Prompt("p"))


def test_what_is_no_token_is_named(tokenizer: Any) -> None:
    with pytest.raises(PromptError, match=r"has 1\.5 among its token_ids"):
        tokenize(tokenizer, Prompt("p", token_ids=(3, 1.5)))  # type: ignore[arg-type]


def test_text_that_is_not_unicode_is_named(tokenizer: Any) -> None:
    with pytest.raises(PromptError, match=r"lone surrogate '\\ud800'"):
        tokenize(tokenizer, Prompt("p", text="a\ud800b"))
