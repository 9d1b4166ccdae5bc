"""The floor of a step's attention: each node and suffix takes the larger of its bytes and its operations.

A node of l tokens that c rows read is read once and meets c queries: max(kappa * l / BW, phi * l * c / F)
seconds, where kappa is the bytes of a token's keys and values over all layers and phi the operations of one
query and one key. A suffix is a node that one row reads. The floor of a whole step is the measured step
without any attention and the floor of its attention. Copy bandwidth is what DRAM gives: a node that stays in
a cache over all layers can be read faster, and then the floor is not one.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarking.models import ModelShape
from benchmarking.rates import Rates
from tree_attention import AttentionStep
from tree_attention.plan import NO_BRANCH


def part_seconds(tokens: int, rows: int, token_bytes: int, pair_flops: int, rates: Rates) -> float:
    """The floor of `rows` queries that read the same `tokens` keys and values."""
    return rates.seconds(moved=token_bytes * tokens, computed=pair_flops * tokens * rows)


def decode_seconds(
    nodes: Iterable[tuple[int, int]],
    suffixes: Iterable[int],
    shape: ModelShape,
    token_bytes: int,
    rates: Rates,
) -> float:
    """The floor of a decoding step's attention over all layers.

    Args:
        nodes: (tokens, rows that read them) of each node.
        suffixes: tokens of each row's suffix.
        shape: of the model.
        token_bytes: bytes of a token's keys and values over all layers.
        rates: of the machine.
    """
    return sum(
        part_seconds(tokens, rows, token_bytes, shape.pair_flops, rates)
        for tokens, rows in (*nodes, *((suffix, 1) for suffix in suffixes))
    )


def step_seconds(step: AttentionStep, shape: ModelShape, token_bytes: int, rates: Rates) -> float:
    """The floor of any step's attention. A causal part of n tokens is n * (n + 1) / 2 pairs."""
    nodes, total = [], 0.0
    for part in (*step.plan.parts, *step.plan.folded):
        tokens, rows = part.kv_hi - part.kv_lo, part.row_hi - part.row_lo
        if part.causal:
            pairs = tokens * (tokens + 1) / 2
            total += rates.seconds(moved=token_bytes * tokens, computed=shape.pair_flops * pairs)
        else:
            nodes.append((tokens, rows))
    suffixes: list[int] = []
    if step.plan.branches is not None and step.host_lengths is not None:
        suffixes = (step.host_lengths[step.plan.branches != NO_BRANCH] + 1).tolist()
    return total + decode_seconds(nodes, suffixes, shape, token_bytes, rates)
