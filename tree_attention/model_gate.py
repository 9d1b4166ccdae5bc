"""The gate: which models may be decoded on a tree, shown by a trial run and not by a list of names.

Reasons known beforehand (`_KNOWN_REASONS`, the position encoding, the layer types) only make for a better
message; a model nobody has heard of is judged by what its layers do in the trial run and by the numbers
that come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import LayerShape, NodeStorage
from tree_attention.model_copy import copy_sharing_weights
from tree_attention.plan import AttentionPlan, AttentionStep, PrefillSpan
from tree_attention.prompt_tree import Node, PromptTree
from tree_attention.transformers_plugin import (
    AttentionCall,
    PoolContext,
    TreeModel,
    UnsupportedModelError,
    configs_of,
)

_OWN_ATTENTION = "its layers compute attention themselves, outside transformers' attention interface"
_RECURRENT = "its layers carry a recurrent state, which branches of a tree cannot share as keys and values"
_KNOWN_REASONS = {
    "bloom": "it adds ALiBi biases in an attention of its own, outside transformers' attention interface",
    "mpt": "it adds ALiBi biases in an attention of its own, outside transformers' attention interface",
    "falcon": _OWN_ATTENTION,
    "codegen": _OWN_ATTENTION,
    "gpt_neo": _OWN_ATTENTION,
    "gptj": _OWN_ATTENTION,
    "xglm": _OWN_ATTENTION,
    "mamba": _RECURRENT,
    "mamba2": _RECURRENT,
    "rwkv": _RECURRENT,
    "xlstm": _RECURRENT,
    "recurrent_gemma": _RECURRENT,
    "jamba": _RECURRENT,
    "bamba": _RECURRENT,
    "falcon_h1": _RECURRENT,
    "falcon_mamba": _RECURRENT,
}
_LAYER_TYPES = {"full_attention", "sliding_attention"}
# What a model of unknown make may fail with when it is run in a way that it was not written for.
TRIAL_ERRORS = (
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
# The trial tree: a root, a node of one token, sequences that are prefixes of others, and ragged leaves.
_STEM = (1, 4, 2, 8, 5)
_TRIAL_SEQUENCES = (_STEM, (*_STEM, 7), (*_STEM, 7, 11, 12), (*_STEM, 9, 3, 14, 2), (20, 21, 22))


@dataclass
class _Trial:
    """Takes the place of the pool in the first trial run: notes every call, and answers with zeros."""

    calls: list[AttentionCall] = field(default_factory=list)

    def attend(self, call: AttentionCall) -> torch.Tensor:
        self.calls.append(call)
        return call.query.new_zeros(*call.query.shape[:2], call.values.shape[-1])


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A model that has passed the gate, and what a pool for it must hold."""

    tree_model: TreeModel
    layers: tuple[LayerShape, ...]
    query_heads: tuple[int, ...]  # of each layer


def open_model(model: PreTrainedModel) -> OpenedModel:
    """Makes `model` decode on the tree. The model itself is left as it is; the result shares its weights.

    Raises:
        UnsupportedModelError: it would not be exact.
    """
    model_type = str(getattr(model.config, "model_type", type(model).__name__))
    reason = _reason_in_configuration(model)
    if reason:
        raise UnsupportedModelError(model_type, reason)
    with torch.inference_mode():
        tree_model = TreeModel.of(model)
        calls = _trial_calls(tree_model, model_type)
        reason = _reason_in_calls(tree_model.model, calls)
        if reason:
            raise UnsupportedModelError(model_type, reason)
        heads = tuple(call.query.shape[1] for call in calls)
        opened = OpenedModel(tree_model, tuple(_layer_shape(call) for call in calls), heads)
        try:
            reason = _reason_in_numbers(model, opened)
        except TRIAL_ERRORS as error:
            raise UnsupportedModelError(model_type, f"a trial tree failed with: {error}") from error
    if reason:
        raise UnsupportedModelError(model_type, reason)
    return opened


def _reason_in_configuration(model: PreTrainedModel) -> str | None:
    config = model.config
    known = _KNOWN_REASONS.get(getattr(config, "model_type", ""))
    if known:
        return known
    if getattr(config, "is_encoder_decoder", False):
        return "it is an encoder-decoder; only decoders can be branched"
    for module in model.modules():
        if getattr(module, "is_causal", True) is False:
            return f"{type(module).__name__} is not causal, so a token's keys depend on what follows it"
        kinds = {kind for kind in _rope_types(module) if "dynamic" in kind or kind == "longrope"}
        if kinds:
            return (
                f"its rotary embedding of type {min(kinds)!r} depends on the longest position in a batch, so "
                "that sequences of different lengths cannot share keys"
            )
    for part in configs_of(model):
        others = set(getattr(part, "layer_types", None) or ()) - _LAYER_TYPES
        if others:
            return f"it has layers of type {min(map(str, others))!r}, not full or sliding attention"
    return None


def _rope_types(module: nn.Module) -> set[str]:
    """The types of a rotary embedding module; gemma3-like models keep one for each layer type."""
    kind = getattr(module, "rope_type", None)
    return {str(k) for k in kind.values()} if isinstance(kind, dict) else {str(kind)}


def _trial_calls(tree_model: TreeModel, model_type: str) -> list[AttentionCall]:
    tokens = torch.arange(4, device=tree_model.device) % tree_model.vocabulary
    trial = _Trial()
    try:
        tree_model.logits(tokens, torch.arange(4, device=tree_model.device), trial)
    except TRIAL_ERRORS as error:
        raise UnsupportedModelError(
            model_type, f"a trial run of packed tokens failed with: {error}"
        ) from error
    return sorted(trial.calls, key=lambda call: call.layer)


def _reason_in_calls(model: PreTrainedModel, calls: Sequence[AttentionCall]) -> str | None:
    config = model.config.get_text_config(decoder=True)
    layers = int(config.num_hidden_layers)
    if not calls:
        return _OWN_ATTENTION
    if [call.layer for call in calls] != list(range(layers)):
        return f"its {layers} layers called the attention interface {len(calls)} times instead of once each"
    if any(call.mask is not None for call in calls):
        return "it builds an attention mask of its own, which the tree would have to ignore"
    kinds = getattr(config, "layer_types", None) or []
    for call, kind in zip(calls, kinds, strict=False):
        if (call.options.sliding_window is not None) != (kind == "sliding_attention"):
            window = call.options.sliding_window
            return f"layer {call.layer} is of type {kind!r}, but asks for a sliding window of {window}"
    return None


def _layer_shape(call: AttentionCall) -> LayerShape:
    _, kv_heads, key_dim = call.keys.shape
    return LayerShape(kv_heads, key_dim, call.values.shape[-1], call.keys.dtype, call.keys.device)


def _reason_in_numbers(model: PreTrainedModel, opened: OpenedModel) -> str | None:
    """Compares the logits of the trial tree with those of the model's eager attention."""
    vocabulary = opened.tree_model.vocabulary
    sequences = [[token * 7919 % vocabulary for token in sequence] for sequence in _TRIAL_SEQUENCES]
    device = opened.tree_model.device
    # Eager attention is what a model means: others can leave things out (sdpa a soft cap, for instance).
    eager = copy_sharing_weights(model).eval()
    eager.set_attn_implementation("eager")
    inputs = [torch.tensor([sequence], device=device) for sequence in sequences]
    expected = torch.cat([eager(input_ids=i, use_cache=False).logits[0, -2:] for i in inputs]).float()
    size = expected.abs().amax(-1).clamp_min(torch.finfo(torch.float32).tiny)
    error = (_tree_logits(opened, sequences).float() - expected).abs().amax(-1) / size
    # In 16 bit a rounding can flip an expert's choice, which changes a token's logits; the median bears that.
    exact = error.max() <= 1e-3 if opened.layers[0].dtype == torch.float32 else error.median() <= 5e-2
    if bool(exact):
        return None
    return (
        f"on a trial tree its logits differ from eager attention's by {float(error.max()):.1e} of their size"
    )


def _tree_logits(opened: OpenedModel, sequences: list[list[int]]) -> torch.Tensor:
    """Logits of each sequence's last two tokens, one prefilled and one decoded: `[2 * n, vocabulary]`."""
    model, pool = opened.tree_model, KvPool(opened.layers)
    tree = PromptTree.from_sequences([sequence[:-1] for sequence in sequences])
    storage: dict[Node | None, NodeStorage | None] = {None: None}
    for node in tree:  # a parent comes before its children
        storage[node] = pool.allocate_node(storage[node.parent], node.length)
    spans = [PrefillSpan(held, 0, held.length) for held in storage.values() if held is not None]
    step = AttentionStep.prefill(AttentionPlan.for_prefill(spans), model.device)
    tokens = torch.from_numpy(np.concatenate([node.tokens for node in tree])).to(model.device)
    ends = np.cumsum([node.length for node in tree]) - 1
    prefilled = model.logits(tokens, step.positions, PoolContext(pool, step))[
        [ends[n.index] for n in tree.leaves]
    ]

    leaves = [storage[leaf] for leaf in tree.leaves]
    plan = AttentionPlan.for_decode(leaves, [pool.open_branch(leaf) for leaf in leaves])
    positions = np.array([leaf.end for leaf in tree.leaves], dtype=np.int64)
    step = AttentionStep.decode(plan, pool, positions, np.zeros_like(positions))
    tokens = torch.tensor([sequence[-1] for sequence in sequences], device=model.device)
    decoded = model.logits(tokens, step.positions, PoolContext(pool, step))
    return torch.stack([prefilled, decoded], 1).flatten(0, 1)
