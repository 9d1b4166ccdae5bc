"""The tokens of a prompt, with a model's tokenizer and without the model."""

from __future__ import annotations

import numbers
from pathlib import Path
from typing import Any

from sampler.core import Prompt
from sampler.engine.errors import ModelLoadError, PromptError


def load_tokenizer(name_or_dir: str | Path) -> Any:
    """Loads the tokenizer of a model: a hub name, a directory, or `demo`.

    Raises:
        ModelLoadError: it is not there or cannot be loaded.
    """
    # Imported here so that importing this module stays light.
    from transformers import AutoTokenizer

    from sampler.engine.loading import model_source

    try:
        return AutoTokenizer.from_pretrained(model_source(name_or_dir))
    except (OSError, ValueError, ImportError) as error:
        raise ModelLoadError(f"the tokenizer of {str(name_or_dir)!r} cannot be loaded: {error}") from error


def tokenize(tokenizer: Any, prompt: Prompt) -> tuple[int, ...]:
    """The tokens of a prompt; text is tokenized as a whole.

    Raises:
        PromptError: it has not exactly one of text and token_ids, it has no tokens or what is no token, or
            its text is not Unicode.
    """
    if (prompt.text is None) == (prompt.token_ids is None):
        raise PromptError(prompt.prompt_id, "must have exactly one of text and token_ids")
    if prompt.token_ids is not None:
        tokens = tuple(prompt.token_ids)
        others = [token for token in tokens if not isinstance(token, numbers.Integral)]
        if others:
            raise PromptError(prompt.prompt_id, f"has {others[0]!r} among its token_ids; give whole numbers")
    else:
        assert prompt.text is not None  # one of the two is there
        surrogate = next((c for c in prompt.text if "\ud800" <= c <= "\udfff"), None)
        if surrogate is not None:
            raise PromptError(
                prompt.prompt_id,
                f"has the lone surrogate {surrogate!r} in its text, which no tokens stand for; remove it, "
                "or decode the bytes that it stands for with errors='replace'",
            )
        encoded = tokenizer(prompt.text, add_special_tokens=prompt.add_special_tokens, verbose=False)
        tokens = tuple(encoded["input_ids"])
    if not tokens:
        raise PromptError(prompt.prompt_id, "has no tokens; give it a token at least to begin from")
    return tokens
