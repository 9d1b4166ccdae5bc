"""Makes a Hugging Face decoder attend over the prompt tree, or refuses it with the reason.

Theory of operation. Transformers looks an attention function up by name for every layer of every call.
`TreeModel` gives a copy of the model a name of our own; the copy shares all weights and buffers, but owns
its configuration, because configuration objects are shared by identity and switching one would switch every
model made from it. Tokens are passed packed, as one sequence `[1, rows]` with their own positions, without
a transformers cache and without a mask: our function stores the keys and values in the pool and does all
the masking. What a call needs is in a context variable while the call lasts (not every model hands keyword
arguments down to its layers), so nothing here is process-wide but the registered name.

Not every model can be run so. A model is accepted only if a trial run shows that it is exact:

1. its configuration asks for nothing that cannot be shared on a tree (see `model_gate`);
2. every layer calls the attention function exactly once, without a mask, and with the window its layer
   type asks for;
3. the logits of a small ragged tree equal those of the model's eager attention, sequence by sequence.
"""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel

from tree_attention.attention import tree_attention
from tree_attention.backend import AttentionOptions
from tree_attention.kv_pool import KvPool
from tree_attention.model_copy import copy_sharing_weights
from tree_attention.plan import AttentionStep

ATTENTION_NAME = "orchard_tree"


class MissingContextError(RuntimeError):
    """An attention layer was called outside `TreeModel.logits`; the text names the layer's class."""


ANOTHER_MODEL = (
    "Choose a decoder whose layers all use transformers' attention interface, such as llama or qwen2"
)


class UnsupportedModelError(ValueError):
    """A model that cannot be decoded on a tree exactly; the text names its type, the reason and a remedy."""

    def __init__(self, model_type: str, reason: str, remedy: str = ANOTHER_MODEL) -> None:
        self.model_type = model_type
        self.reason = reason
        self.remedy = remedy
        super().__init__(
            f"model type {model_type!r} cannot be decoded on a prompt tree exactly: {reason}. {remedy}."
        )

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Pickle by the constructor's arguments: the error travels between processes."""
        return type(self), (self.model_type, self.reason, self.remedy)


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """What one layer passes to its attention function, for one packed sequence.

    `query`: `[rows, query_heads, key_dim]`; `keys`, `values`: `[rows, kv_heads, key_dim | value_dim]`.
    """

    layer: int
    query: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor | None
    options: AttentionOptions


class TreeContext(Protocol):
    """What a forward call carries to every layer's attention function."""

    def attend(self, call: AttentionCall) -> torch.Tensor:
        """The attention output of one layer, `[rows, query_heads, value_dim]`."""
        ...


_CONTEXT: ContextVar[TreeContext | None] = ContextVar("tree_context", default=None)


@dataclass(frozen=True, eq=False)
class PoolContext:
    """Stores a step's keys and values in the pool and attends over it."""

    pool: KvPool
    step: AttentionStep

    def attend(self, call: AttentionCall) -> torch.Tensor:
        """See `TreeContext`."""
        self.step.write(self.pool, call.layer, call.keys, call.values)
        return tree_attention(call.query, self.pool, call.layer, self.step, call.options)


@dataclass(eq=False)
class TreeModel:
    """A decoder that attends through a `TreeContext`. `tree_attention.open_model` makes and checks it."""

    model: PreTrainedModel
    device: torch.device = field(init=False)
    _takes_logits_to_keep: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.device = self.model.get_input_embeddings().weight.device
        self._takes_logits_to_keep = "logits_to_keep" in inspect.signature(self.model.forward).parameters

    @classmethod
    def of(cls, model: PreTrainedModel) -> TreeModel:
        """A copy of `model` that shares its weights; `model` itself stays as it is."""
        twin = copy_sharing_weights(model)
        register_attention()
        twin.set_attn_implementation(ATTENTION_NAME)
        return cls(twin.eval())

    @property
    def vocabulary(self) -> int:
        """The number of token ids that the model takes."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    def logits(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        context: TreeContext,
        keep: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Runs packed tokens through the model.

        Args:
            tokens: `[rows]`, int64, on the model's device.
            positions: `[rows]`, of the tokens in their sequences.
            context: takes the layers' keys and values and gives their attention.
            keep: `[n]`, rows whose logits are wanted; None for all.

        Returns:
            Logits `[n, vocabulary]` in the model's dtype.
        """
        extra: dict[str, Any] = {}
        if keep is not None and self._takes_logits_to_keep:
            extra["logits_to_keep"] = keep
        token = _CONTEXT.set(context)
        try:
            output = self.model(
                input_ids=tokens[None],
                position_ids=positions[None],
                use_cache=False,
                return_dict=True,
                **extra,
            )
        finally:
            _CONTEXT.reset(token)
        logits: torch.Tensor = output.logits[0]
        return logits if keep is None or extra else logits[keep]


def register_attention() -> None:
    """Registers the attention function under `ATTENTION_NAME`. Again is harmless.

    The name stays out of transformers' mask interface: models then build no mask.
    """
    AttentionInterface.register(ATTENTION_NAME, _attention_function)


def configs_of(model: nn.Module) -> list[PreTrainedConfig]:
    """The distinct configuration objects of a model's modules."""
    found: dict[int, PreTrainedConfig] = {}
    for module in model.modules():
        config = getattr(module, "config", None)
        if isinstance(config, PreTrainedConfig):
            found[id(config)] = config
    return list(found.values())


def _attention_function(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The function that transformers calls.

    Takes `query`, `key` and `value` as `[1, heads, rows, head_dim]`; returns `[1, rows, heads, value_dim]`.
    """
    context = _CONTEXT.get()
    if context is None:
        raise MissingContextError(
            f"{type(module).__name__} called the {ATTENTION_NAME!r} attention outside TreeModel.logits, "
            "which is the only way to run a model with this attention"
        )
    options = AttentionOptions(
        scale=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        sliding_window=sliding_window,
        softcap=softcap,
        sinks=s_aux,
    )
    layer = getattr(module, "layer_idx", None)
    call = AttentionCall(
        layer=-1 if layer is None else int(layer),
        query=query[0].transpose(0, 1),
        keys=key[0].transpose(0, 1),
        values=value[0].transpose(0, 1),
        mask=attention_mask,
        options=options,
    )
    return context.attend(call)[None].contiguous(), None  # some models take a view of it
