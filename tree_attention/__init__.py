"""Exact attention over a prompt tree: what prompts share is stored once, and read once for all of them.

`PromptTree` needs numpy only; the rest, which needs torch, is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tree_attention.prompt_tree import Node, PromptTree

if TYPE_CHECKING:
    from tree_attention.attention import tree_attention, tree_attention_with_lse
    from tree_attention.backend import AttentionOptions
    from tree_attention.kv_pool import KvPool, PoolFullError
    from tree_attention.kv_storage import LayerShape, NodeStorage
    from tree_attention.model_gate import OpenedModel, open_model
    from tree_attention.plan import AttentionPlan, AttentionStep, PrefillSpan
    from tree_attention.transformers_plugin import PoolContext, TreeModel, UnsupportedModelError

_HOME = {
    "AttentionOptions": "backend",
    "AttentionPlan": "plan",
    "AttentionStep": "plan",
    "KvPool": "kv_pool",
    "LayerShape": "kv_storage",
    "NodeStorage": "kv_storage",
    "OpenedModel": "model_gate",
    "PoolContext": "transformers_plugin",
    "PoolFullError": "kv_pool",
    "PrefillSpan": "plan",
    "TreeModel": "transformers_plugin",
    "UnsupportedModelError": "transformers_plugin",
    "open_model": "model_gate",
    "tree_attention": "attention",
    "tree_attention_with_lse": "attention",
}

__all__ = [
    "AttentionOptions",
    "AttentionPlan",
    "AttentionStep",
    "KvPool",
    "LayerShape",
    "Node",
    "NodeStorage",
    "OpenedModel",
    "PoolContext",
    "PoolFullError",
    "PrefillSpan",
    "PromptTree",
    "TreeModel",
    "UnsupportedModelError",
    "open_model",
    "tree_attention",
    "tree_attention_with_lse",
]


def __getattr__(name: str) -> Any:
    """Loads the module that holds `name` (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
