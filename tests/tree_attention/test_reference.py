"""The oracle itself equals torch's attention over each row's tokens, laid side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from tree_attention.backend import AttentionOptions
from tree_attention.reference import reference_attention, row_context


@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_equals_torch(case_maker: Callable[..., Any], kind: str) -> None:
    case = getattr(case_maker(seed=6), kind)()
    found = reference_attention(case.query, case.pool, 0, case.step, AttentionOptions(scale=0.3))
    for row in range(case.step.plan.rows - 2 * (kind == "decode")):  # the last two are padded
        context = row_context(case.pool, 0, case.step, row)
        position = int(case.step.host_positions[row])
        assert sorted(context.positions.tolist()) == list(
            range(position + 1)
        )  # each position once, up to its own
        query = case.query[row].double()[:, None]  # [heads, 1, dim]
        keys, values = (t.double().transpose(0, 1) for t in (context.keys, context.values))
        expected = scaled_dot_product_attention(query, keys, values, scale=0.3, enable_gqa=True)
        torch.testing.assert_close(found[row], expected[:, 0])


def test_sink_takes_weight(case_maker: Callable[..., Any]) -> None:
    case = case_maker(seed=6).decode()
    heads = case.query.shape[1]
    plain = reference_attention(case.query * 0, case.pool, 0, case.step, AttentionOptions(scale=1.0))
    with_sink = AttentionOptions(scale=1.0, sinks=torch.zeros(heads))
    found = reference_attention(case.query * 0, case.pool, 0, case.step, with_sink)
    tokens = torch.from_numpy(case.step.host_positions + 1)[:, None, None]
    expected = plain * tokens / (tokens + 1)  # equal scores: one part of tokens + 1
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found[-2:], torch.zeros_like(found[-2:]))  # padded rows
