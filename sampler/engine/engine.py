"""`Engine`: a model, opened for decoding on a tree, that completes prompts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from sampler.core import Completion, Prompt, SamplingParams, is_whole
from sampler.engine.call_shapes import FIXED, FREE
from sampler.engine.description import describe_model
from sampler.engine.errors import PromptError
from sampler.engine.loading import load_model
from sampler.engine.lockstep import LockstepModel
from sampler.engine.memory import KvMemory, kv_budget, parse_kv_memory
from sampler.engine.modes import ATTENTION_MODES
from sampler.engine.own_attention import OwnAttentionGeneration, open_for_mode
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import StopRules
from sampler.engine.tensor_parallel import RankGroup
from sampler.engine.tokenization import tokenize
from sampler.engine.tree_decoder import TreeDecoder
from tree_attention import OpenedModel


class Engine:
    """Draws samples from a causal language model, decoding all of them together on their prompt tree.

    An engine may be used for any number of calls of `generate`, one after the other. It is not safe to use
    from several threads at once.

    Attributes:
        tokenizer: the model's.
        max_rows: the most samples that are decoded in a batch.
        stats: counts over the engine's life.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        *,
        attention: str = "tree",
        max_rows: int = 256,
        kv_memory: KvMemory = None,
        deterministic: bool = False,
        source: str | Path | None = None,
    ) -> None:
        """Opens a transformers model that is in memory, on whatever device and in whatever dtype it is.

        The model itself is left as it is: the engine works on a copy that shares its weights.

        Args:
            model: a causal language model.
            tokenizer: its tokenizer.
            attention: a mode of `sampler.engine.modes`. With `per_sequence`, a model that cannot be decoded
                on a tree is decoded with its own attention and cache.
            max_rows: the most samples that are decoded in a batch.
            kv_memory: the most memory for keys and values; see `sampler.engine.memory`.
            deterministic: whether every call has the same shape, so that a sample has the same tokens in any
                batch also where the matrix products of a device would not have it so.
            source: what the model was loaded from, if anything; `describe` tells it on.

        Raises:
            UnsupportedModelError: the model cannot be decoded so exactly.
            TensorParallelError: the model is split, and not over all ranks; or they were not all given the
                same; or there are too many for `deterministic`.
            ValueError: another argument is not one of those allowed.
        """
        if attention not in ATTENTION_MODES:
            raise ValueError(
                f"attention mode {attention!r} is unknown; use one of {', '.join(map(repr, ATTENTION_MODES))}"
            )
        if not is_whole(max_rows, 1):
            raise ValueError(f"max_rows is {max_rows!r}; it must be a whole number of at least 1")
        parse_kv_memory(kv_memory)
        self._ranks = RankGroup.of(model)
        self._ranks.check_same_call(attention, max_rows, kv_memory, deterministic)
        if deterministic:
            self._ranks.check_deterministic()
        self.tokenizer = tokenizer
        self.max_rows = max_rows
        self.stats = EngineStats()
        self._vocabulary = int(model.get_input_embeddings().weight.shape[0])
        self._eos_ids = _eos_ids(model, tokenizer)
        opened = open_for_mode(model, attention)
        self._budget = self._ranks.least(kv_budget(kv_memory, model.device))
        self._shapes = FIXED if deterministic else FREE
        self._opened: TreeDecoder | LockstepModel
        if isinstance(opened, OpenedModel):
            mode = ATTENTION_MODES[attention]
            self._opened = TreeDecoder(opened, mode, self._shapes, self._ranks, self._budget)
        else:
            self._opened = opened
        self._description = {
            "model": describe_model(model, source),
            "device": str(model.device),
            "dtype": str(model.dtype).removeprefix("torch."),
            "attention": attention,
            "deterministic": deterministic,
            "tensor_parallel": self._ranks.size,
        }
        self._context_length = _context_length(model)

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str | Path,
        *,
        device: str = "auto",
        dtype: str = "auto",
        attention: str = "tree",
        max_rows: int = 256,
        kv_memory: KvMemory = None,
        deterministic: bool = False,
        tensor_parallel: int = 1,
    ) -> Engine:
        """Loads a model with transformers: a hub name, a directory, or `demo` for the one in this package.

        Args:
            name_or_dir: which model.
            device: `auto` (CUDA where there is one, else the CPU), or a torch device.
            dtype: `auto` (float32 on the CPU, the checkpoint's own elsewhere), float32, bfloat16 or float16.
            attention: a mode of `sampler.engine.modes`.
            max_rows: the most samples that are decoded in a batch.
            kv_memory: the most memory for keys and values: bytes, a size such as "8GiB", or a share of what
                is free once the model is loaded; None for a share that depends on the device.
            deterministic: whether every call of the model has the same shape.
            tensor_parallel: over how many processes, started by torchrun, the model is split; each of them
                makes an engine, and makes the same calls.

        Raises:
            ModelLoadError: the model is not there or cannot be loaded.
            TensorParallelError: the model cannot be split so, or there are not so many processes.
            UnsupportedModelError: it cannot be decoded so exactly.
            ValueError: another argument is not one of those allowed.
        """
        loaded = load_model(name_or_dir, device, dtype, tensor_parallel)
        return cls(
            loaded.model,
            loaded.tokenizer,
            attention=attention,
            max_rows=max_rows,
            kv_memory=kv_memory,
            deterministic=deterministic,
            source=name_or_dir,
        )

    def describe(self) -> dict[str, Any]:
        """What tells this engine's results from another's, as plain JSON values.

        `model` holds name, class, parameters and a digest of the files it was loaded from (None for a model
        that was given in memory); beside it stand device, dtype, the attention mode, whether calls have fixed
        shapes, and the number of ranks.
        """
        return self._description

    def tokenize(self, prompt: Prompt) -> tuple[int, ...]:
        """The tokens of a prompt; text is tokenized as a whole.

        Raises:
            PromptError: it has not exactly one of text and token_ids, it has no tokens, or a token that the
                model has not.
        """
        tokens = tokenize(self.tokenizer, prompt)
        if min(tokens) < 0 or max(tokens) >= self._vocabulary:
            worst = min(tokens) if min(tokens) < 0 else max(tokens)
            raise PromptError(
                prompt.prompt_id, f"has token {worst}; the model has tokens 0 to {self._vocabulary - 1}"
            )
        return tokens

    def generate(
        self, prompts: Iterable[Prompt], params: SamplingParams | None = None
    ) -> Iterator[Completion]:
        """Draws all samples of all prompts; gives each completion as it ends, in no particular order.

        What a sample is depends on `params`, its prompt and its sample index alone, up to rounding: not on
        the other prompts, on `max_rows` or on the order. Closing the iterator early frees what it holds.

        Raises:
            PromptError: a prompt cannot be sampled, is too long for the model, or does not fit into the
                memory for keys and values; raised before anything is drawn.
            TensorParallelError: the ranks that share the model were not all given the same.
            ModelOutputError: the model computes no usable numbers.
            KvMemoryError: memory runs out that another, unfinished call on this engine holds.
        """
        params = params or SamplingParams()
        wanted = [prompt for prompt in prompts if prompt.sample_indices]
        self._ranks.check_same_call(wanted, params, self.max_rows)
        tokens = [self.tokenize(prompt) for prompt in wanted]
        _check_ids(wanted)
        self._check_lengths(wanted, tokens, params)
        rules = StopRules(self.tokenizer, self._eos_ids, params, self._vocabulary)
        call = (wanted, tokens, rules, params, self.max_rows, self.stats)
        if isinstance(self._opened, TreeDecoder):
            return self._opened.generate(*call)
        return OwnAttentionGeneration(self._opened, *call, self._budget, self._ranks, self._shapes).run()

    def _check_lengths(
        self, prompts: Sequence[Prompt], tokens: Sequence[tuple[int, ...]], params: SamplingParams
    ) -> None:
        for prompt, ids in zip(prompts, tokens, strict=True):
            needed = len(ids) + params.max_new_tokens
            if self._context_length is not None and needed > self._context_length:
                raise PromptError(
                    prompt.prompt_id,
                    f"has {len(ids)} tokens, and with max_new_tokens {params.max_new_tokens} needs {needed} "
                    f"positions; the model has {self._context_length}. Shorten the prompt (fewer or shorter "
                    f"few-shot examples) or lower max_new_tokens by {needed - self._context_length}",
                )


def _check_ids(prompts: Sequence[Prompt]) -> None:
    """Samples are told apart by prompt id and sample index, and their random numbers are keyed by them."""
    seen: set[str] = set()
    for prompt in prompts:
        if prompt.prompt_id in seen:
            raise PromptError(prompt.prompt_id, "is given twice; prompt ids must be unique")
        seen.add(prompt.prompt_id)
        indices = prompt.sample_indices
        if len(set(indices)) != len(indices) or not all(0 <= index < 2**32 for index in indices):
            raise PromptError(
                prompt.prompt_id, "has sample indices that repeat or are not from 0 to 2**32 - 1"
            )


def _context_length(model: PreTrainedModel) -> int | None:
    """The positions that a model has; None where its configuration sets no limit."""
    config = model.config.get_text_config(decoder=True)
    length: int | None = getattr(config, "max_position_embeddings", None)
    rope = getattr(config, "rope_parameters", None) or {}
    if length is not None and rope.get("rope_type") == "dynamic":
        return int(length * rope.get("factor", 1.0))  # this type is for texts that are longer
    return length


def _eos_ids(model: PreTrainedModel, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a sequence, of the model's generation settings and the tokenizer."""
    found: set[int] = set()
    for ids in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        found.update([ids] if isinstance(ids, int) else ids or ())
    return frozenset(found)
