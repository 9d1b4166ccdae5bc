"""Rows in a model's own cache: exact, independent of each other, and refused where they would not be."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny_model
from transformers import PreTrainedModel

from sampler.engine.lockstep import LockstepError, LockstepRows, open_lockstep

EXACT = [
    "bloom",
    "mpt",
    "falcon",
    "falcon with ALiBi",
    "codegen",
    "gptj",
    "gpt_neo",
    "xglm",
    "mamba",
    "mamba2",
    "jamba",
    "bamba",
    "falcon_h1",
    "granitemoehybrid",
    "qwen3_next",
    "lfm2",
    "llama4_text",
    "llama with dynamic RoPE",
    "phi3 with longrope",
]


@pytest.mark.parametrize("family", EXACT)
def test_what_is_exact_passes(family: str) -> None:
    opened = open_lockstep(tiny_model(family))
    assert opened.token_bytes + opened.fixed_bytes > 0


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("minimax", "its logits are off by"),  # its linear layers' states stay behind when rows are dropped
        ("rwkv", "it returns no cache"),
        ("recurrent_gemma", "it returns no cache"),
        ("openai-gpt", "it returns no cache"),
        ("bert", "it returns no cache"),
    ],
)
def test_what_is_not_exact_is_refused(family: str, reason: str) -> None:
    with pytest.raises(LockstepError, match=reason):
        open_lockstep(tiny_model(family))


def test_16_bit_weights_are_accepted() -> None:
    open_lockstep(tiny_model("bloom").bfloat16())


@pytest.mark.parametrize(
    ("family", "token_bytes", "fixed_bytes"),
    [
        ("bloom", 3 * 2 * 32 * 4, 0),  # layers, keys and values, hidden size, bytes of a number
        ("mamba", 0, 3 * 48 * (4 + 8) * 4),  # layers, inner size, width of the convolution and of the state
        ("jamba", 1 * 2 * 16 * 4, 2 * 64 * (4 + 8) * 4),  # two such layers, and one of attention
    ],
)
def test_the_cache_is_measured(family: str, token_bytes: int, fixed_bytes: int) -> None:
    opened = open_lockstep(tiny_model(family))
    assert (opened.token_bytes, opened.fixed_bytes) == (token_bytes, fixed_bytes)
    row = fixed_bytes + 50 * token_bytes
    assert [opened.fitting_rows(50, n * row, 4) for n in (4, 5, 8.9, 9)] == [0, 4, 4, 8]
    assert opened.fitting_rows(50, float("inf"), 64) > 10**9


@torch.inference_mode()
def first_row(model: PreTrainedModel, rows: int) -> torch.Tensor:
    """Logits of the first of so many rows, that go on with different tokens, over three steps."""
    tested = LockstepRows(model, [3, 1, 4, 1, 5, 9, 2, 6, 5])
    tested.select([0] * rows)
    found = []
    for step in range(3):
        tested.feed(torch.arange(rows) + 10 + step)
        found.append(tested.logits[0])
        assert tested.logits.shape[0] == rows
    return torch.stack(found)


@pytest.mark.parametrize("family", ["llama", "bloom", "mamba", "falcon_h1", "gptj"])
def test_a_row_is_bitwise_independent_of_its_neighbours(family: str) -> None:
    model = tiny_model(family)
    alone = first_row(model, 1)
    for rows in (2, 3, 5, 8):
        assert torch.equal(first_row(model, rows), alone)


def test_experts_need_a_product_for_each_row_to_be_so() -> None:
    model = tiny_model("qwen3_moe")
    torch.testing.assert_close(first_row(model, 1), first_row(model, 8), atol=1e-5, rtol=0)
    model.set_experts_implementation("batched_mm")
    assert torch.equal(first_row(model, 1), first_row(model, 8))


@torch.inference_mode()
def test_a_fork_goes_on_by_itself() -> None:
    rows = LockstepRows(tiny_model("jamba"), [3, 1, 4])
    fork = rows.fork()
    rows.feed(torch.tensor([9]))
    held, logits = fork.cache_bytes, rows.logits
    assert held < rows.cache_bytes
    fork.feed(torch.tensor([9]))
    assert torch.equal(fork.logits, logits)
