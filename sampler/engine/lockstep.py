"""Rows of one length in a model's own cache: how a model decodes that cannot decode on a prompt tree.

Theory of operation. All rows continue one prompt, so they have the same length at every step: no row is
padded, and the model computes for each what its own `generate` would. The prompt is run through the model
once, as a single row; `Cache.reorder_cache`, which beam search needs and every cache of transformers has,
copies that row for the samples and drops rows that have ended. The calls are prepared by the model's own
`prepare_inputs_for_generation`, because some models do something there that matters: Phi-3 throws its cache
away at the length where its rotary embedding changes.

The model is copied for each prompt (the weights are shared): a dynamic rotary embedding remembers the
longest sequence that it has seen, and what one prompt leaves behind would change the next.

`open_lockstep` lets a model pass if it is exact when it is tried on a few tokens, and refuses it otherwise.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, PreTrainedModel

from sampler.engine.call_shapes import FREE
from tree_attention.model_copy import copy_sharing_weights
from tree_attention.model_gate import TRIAL_ERRORS

_CACHE_NAMES = ("past_key_values", "cache_params")  # under which models take and return their cache
_TRIAL_PROMPT = (1, 4, 2, 8, 5)
_TRIAL_FED = ((7, 9, 3), (11, 6))  # the first, then all but the middle row of the trial go on with these


class LockstepError(ValueError):
    """A model that cannot be run in lockstep exactly; the text says what is in the way."""


@dataclass(frozen=True, eq=False)
class LockstepModel:
    """A model that passed its trial, and what its cache takes."""

    model: PreTrainedModel
    fixed_bytes: int  # of a row, whatever its length: recurrent states
    token_bytes: int  # of a row, for each token; layers with a window need less for the tokens beyond it

    def fitting_rows(self, tokens: int, budget_bytes: float, row_multiple: int) -> int:
        """How many rows may grow to so many tokens within a budget, beside one that is kept for a fork."""
        fitting = budget_bytes / (self.fixed_bytes + tokens * self.token_bytes) - 1
        return int(min(fitting, 2**31)) // row_multiple * row_multiple


class LockstepRows:
    """Rows of one length, continued together. At first there is one: the prompt.

    Attributes:
        logits: `[rows, vocabulary]`, after each row's last token.
    """

    logits: torch.Tensor

    def __init__(
        self, model: PreTrainedModel, prompt: Sequence[int], row_multiple: int = FREE.decode_multiple
    ) -> None:
        """Runs a prompt of at least one token through the model, which is left as it is.

        Selected rows are padded to a multiple of `row_multiple` (see `sampler.engine.call_shapes`).

        Raises:
            LockstepError: the model returns no cache whose rows can be copied.
        """
        self._model = copy_sharing_weights(model).eval()
        takes = inspect.signature(model.forward).parameters
        self._fixed: dict[str, Any] = {"use_cache": True}
        if "logits_to_keep" in takes:
            self._fixed["logits_to_keep"] = 1
        self._takes_positions = "position_ids" in takes
        self._cache_name = ""
        self._cache: Cache | None = None
        self._tokens = torch.tensor([list(prompt)], device=model.device)
        self._rows = 1
        self._row_multiple = row_multiple
        self._run()

    @property
    def cache_bytes(self) -> int:
        """Bytes of the keys, values and states of all rows."""
        return sum(tensor.nbytes for layer in self._layers() for tensor in _tensors(vars(layer).values()))

    def fork(self) -> LockstepRows:
        """The same rows again, to be continued separately."""
        twin = copy.copy(self)
        twin._model = copy_sharing_weights(self._model)
        twin._cache = copy.deepcopy(self._cache)
        return twin

    def select(self, rows: Sequence[int]) -> None:
        """Keeps these of the rows, in this order; a row may be taken any number of times."""
        padded = [*rows, *[rows[0]] * (-len(rows) % self._row_multiple)]
        index = torch.tensor(padded, device=self._tokens.device)
        assert self._cache is not None  # since the first run
        self._cache.reorder_cache(index)
        self._tokens = self._tokens[index]
        self._rows = len(rows)
        self.logits = self.logits[index[: self._rows]]

    def feed(self, tokens: torch.Tensor) -> None:
        """Appends a token to each row, `[rows]`, and computes the logits after it."""
        padding = tokens[:1].expand(len(self._tokens) - self._rows)
        new = torch.cat([tokens, padding]).to(self._tokens.device)
        self._tokens = torch.cat([self._tokens, new[:, None]], dim=1)
        self._run()

    def _run(self) -> None:
        first = self._cache is None
        inputs = dict(self._fixed) if first else {**self._fixed, self._cache_name: self._cache}
        if self._takes_positions:
            inputs["position_ids"] = torch.arange(
                self._tokens.shape[1], device=self._tokens.device
            ).expand_as(self._tokens)
        prepared = self._model.prepare_inputs_for_generation(
            self._tokens, next_sequence_length=None if first else 1, is_first_iteration=first, **inputs
        )
        output = self._model(**prepared, return_dict=True)
        self._cache_name, self._cache = _cache_of(output)
        logits = output.logits[: self._rows, -1]
        self.logits = logits.clone() if first else logits  # not a view that holds those of the whole prompt

    def _layers(self) -> Iterable[Any]:
        return () if self._cache is None else self._cache.layers


def open_lockstep(model: PreTrainedModel) -> LockstepModel:
    """Tries a model, and measures its cache. The model itself is left as it is.

    The trial branches a short prompt into three rows, drops one, and compares all logits with those of the
    whole sequences without a cache.

    Raises:
        LockstepError: it would not be exact.
    """
    if getattr(model.config, "is_encoder_decoder", False):
        raise LockstepError("it is an encoder-decoder, which continues no prompt")
    with torch.inference_mode():
        try:
            error = _trial_error(model)
            before, after = _trial_bytes(model)
        except TRIAL_ERRORS as failure:
            raise LockstepError(f"a trial with its own cache failed with: {failure}") from failure
    # In 16 bit a rounding can flip an expert's choice, which changes a row's logits; the median bears that.
    exact = error.max() <= 1e-3 if model.dtype == torch.float32 else error.median() <= 5e-2
    if not bool(exact):
        raise LockstepError(
            f"in a trial with its own cache its logits are off by {float(error.max()):.1e} of their size"
        )
    token_bytes = after - before
    return LockstepModel(model, before - len(_TRIAL_PROMPT) * token_bytes, token_bytes)


def _trial_error(model: PreTrainedModel) -> torch.Tensor:
    """Largest differences of the logits of trial rows, relative to their size: `[comparisons]`."""
    prompt, *fed = (_trial_tokens(model, tokens) for tokens in (_TRIAL_PROMPT, *_TRIAL_FED))
    rows = LockstepRows(model, prompt)
    found = [rows.logits]
    rows.select([0, 0, 0])
    rows.feed(torch.tensor(fed[0], device=model.device))
    found.append(rows.logits)
    rows.select([2, 0])
    rows.feed(torch.tensor(fed[1], device=model.device))
    found.append(rows.logits)

    branched = [[*prompt, token] for token in fed[0]]
    kept = [[*branched[2], fed[1][0]], [*branched[0], fed[1][1]]]
    twin = copy_sharing_weights(model).eval()
    whole = [
        twin(input_ids=torch.tensor([sequence], device=model.device), use_cache=False).logits[0, -1]
        for sequence in (prompt, *branched, *kept)
    ]
    expected = torch.stack(whole).float()
    size = expected.abs().amax(-1).clamp_min(torch.finfo(torch.float32).tiny)
    return (torch.cat(found).float() - expected).abs().amax(-1) / size


def _trial_bytes(model: PreTrainedModel) -> tuple[int, int]:
    """What the cache of one row takes after the trial prompt, and after one token more."""
    rows = LockstepRows(model, _trial_tokens(model, _TRIAL_PROMPT))
    before = rows.cache_bytes
    rows.feed(torch.tensor(_trial_tokens(model, _TRIAL_FED[0][:1]), device=model.device))
    return before, rows.cache_bytes


def _trial_tokens(model: PreTrainedModel, tokens: Sequence[int]) -> list[int]:
    vocabulary = int(model.get_input_embeddings().weight.shape[0])
    return [token * 7919 % vocabulary for token in tokens]


def _cache_of(output: Any) -> tuple[str, Cache]:
    for name in _CACHE_NAMES:
        cache = output.get(name)
        if isinstance(cache, Cache):
            return name, cache
        if cache is not None:
            raise LockstepError(f"its cache is a {type(cache).__name__}, whose rows cannot be copied")
    raise LockstepError("it returns no cache")


def _tensors(values: Iterable[Any]) -> Iterable[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            yield from _tensors(value.values())
