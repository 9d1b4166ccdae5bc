"""The budget: what is admitted, what does not fit, that the pool stays within bounds and ends empty."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_model

from sampler.engine import Engine, KvMemoryError, Prompt, PromptError, SamplingParams
from sampler.engine.admission import Admission, pages_to_reserve, suffix_bytes
from sampler.engine.generation import Generation
from sampler.engine.schedule import Schedule
from tree_attention import KvPool, LayerShape, PoolFullError

PAGE = 16  # tokens


def pool_of(budget: int | None = None) -> KvPool:
    return KvPool([LayerShape(1, 1, 1, torch.float32, torch.device("cpu"))], budget_bytes=budget)


def to_come(admission: Admission, counts: list[int], fed: list[int]) -> int:
    """Pages."""
    return admission.bytes_to_come(np.array(counts), np.array(fed)) // pool_of().page_bytes


def test_at_first_the_limit_is_expected() -> None:
    admission = Admission(pool_of(), 161)
    assert to_come(admission, [0], [0]) == 10  # the last token is not stored
    assert to_come(admission, [0, 33], [0, 32]) == 10 + 8
    assert to_come(admission, [161], [160]) == 0


def test_the_expectation_follows_what_ends() -> None:
    admission = Admission(pool_of(), 160)
    for _ in range(1000):
        admission.learn(20)
    assert to_come(admission, [0], [0]) == 2  # 21 or so tokens
    half_as_much_again = math.ceil(149 / PAGE) - math.ceil(99 / PAGE)
    assert to_come(admission, [100], [99]) == half_as_much_again
    assert to_come(admission, [150], [149]) == 0  # the limit is near


@pytest.mark.parametrize(("tokens", "pages"), [(1, 0), (2, 1), (17, 1), (18, 2), (160, 10)])
def test_bytes_of_a_suffix(tokens: int, pages: int) -> None:
    assert suffix_bytes(pool_of(), tokens) == pages * pool_of().page_bytes


def test_an_arena_leaves_room_for_nodes() -> None:
    page = pool_of().page_bytes
    assert pages_to_reserve(pool_of(), 8, 33, node_bytes=10**9) == 16
    assert pages_to_reserve(pool_of(100 * page), 8, 33, node_bytes=3 * page) == 16
    assert pages_to_reserve(pool_of(100 * page), 80, 33, node_bytes=30 * page) == 70
    assert pages_to_reserve(pool_of(100 * page), 80, 33, node_bytes=90 * page) == 50


def test_a_prompt_that_does_not_fit_is_named_and_the_others_are_drawn(tokenizer: Any) -> None:
    model = tiny_model("llama")
    pool = Engine(model, tokenizer)._opened.pool  # type: ignore[union-attr]
    needed = 60 * pool.token_bytes + pool.page_bytes
    params = SamplingParams(max_new_tokens=17)
    fits = Prompt("fits", token_ids=tuple(range(1, 61)), samples=5)
    engine = Engine(model, tokenizer, kv_memory=needed)
    assert len(list(engine.generate([fits], params))) == 5
    tight = Engine(model, tokenizer, kv_memory=needed - 1)
    says = rf"'fits' has 60 tokens.* needs {needed:,} bytes.*{needed - 1:,} bytes.*engine\.kv_memory"
    with pytest.raises(PromptError, match=says):
        tight.generate([fits], params)
    small = Prompt("small", token_ids=(1, 2, 3), samples=5)
    assert len(list(tight.generate([small], params))) == 5


def test_memory_that_another_call_holds(tokenizer: Any) -> None:
    model = tiny_model("llama")
    pool = Engine(model, tokenizer)._opened.pool  # type: ignore[union-attr]
    engine = Engine(model, tokenizer, kv_memory=64 * pool.token_bytes + pool.page_bytes)
    prompts = [Prompt(name, token_ids=tuple(range(1, 61)), samples=2) for name in "ab"]
    params = SamplingParams(max_new_tokens=9, temperature=0)
    first = engine.generate(prompts[:1], params)
    next(first)
    with pytest.raises(KvMemoryError, match=r"prompt 'b' has no room .*Another call of generate"):
        next(engine.generate(prompts[1:], params))
    assert len(list(first)) == 1
    assert engine.stats.kv_bytes == 0
    assert len(list(engine.generate(prompts[1:], params))) == 2


@pytest.mark.parametrize("seed", range(5))
def test_the_pool_holds_no_more_than_it_must(
    seed: int, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every turn each stored node is needed, and nodes and rows cost a page too much at most."""
    draw = random.Random(seed)
    model = tiny_model("llama")
    engine = Engine(model, tokenizer, max_rows=(4, 12, 30)[seed % 3])
    pool = engine._opened.pool  # type: ignore[union-attr]
    if seed % 2:
        pool.budget_bytes = 66 * pool.token_bytes + 4 * pool.page_bytes
        monkeypatch.setattr(Admission, "bytes_to_come", lambda *_: 0)
    turns = 0
    turn = Generation.turn

    def checked(self: Generation) -> Any:
        nonlocal turns
        turns += 1
        done = turn(self)
        table, starting = self._table, self._starting
        rows = [table.sample(slot) for slot in table.slots.tolist()]
        needed = {node for sample in [*rows, *starting] for node in sample.leaf.path()}
        stored = [node for node in self._schedule.nodes if node.storage is not None]
        assert all(node in needed or node.waiting for node in stored)
        assert needed <= set(stored)
        tokens = sum(node.length for node in stored) + int(table.fed[table.slots].sum())
        slack = (len(stored) + len(rows)) * pool.page_bytes
        assert tokens * pool.token_bytes <= pool.bytes_in_use <= tokens * pool.token_bytes + slack
        assert pool.budget_bytes is None or pool.reserved_bytes <= pool.budget_bytes
        return done

    monkeypatch.setattr(Generation, "turn", checked)
    stem = [draw.randint(1, 119) for _ in range(40)]
    prompts = [
        Prompt(
            f"p{i}",
            token_ids=(*stem[: draw.randint(1, 40)], *draw.choices(range(1, 120), k=draw.randint(1, 20))),
            samples=draw.randint(1, 4),
        )
        for i in range(6)
    ]
    stream = engine.generate(prompts, SamplingParams(max_new_tokens=24, seed=seed, stop=("a", "e", "0")))
    if seed == 4:
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    else:
        assert len(list(stream)) == sum(len(p.sample_indices) for p in prompts)
    assert turns > (0 if seed == 4 else 20)
    assert (engine.stats.preemptions > 0) == (seed in (1, 3))
    assert (pool.bytes_in_use, pool.open_branches) == (0, 0)


def test_a_refused_sample_is_looked_at_again_only_when_something_was_freed(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Engine(tiny_model("llama"), tokenizer)._opened.pool  # type: ignore[union-attr]
    memory = 40 * pool.token_bytes + 7 * pool.page_bytes
    engine = Engine(tiny_model("llama"), tokenizer, max_rows=8, kv_memory=memory)
    pool = engine._opened.pool  # type: ignore[union-attr]
    refusals: list[int] = []
    fits, admit = Generation._fits, Schedule.admit

    def counted(self: Generation, sample: Any) -> bool:
        if fits(self, sample):
            return True
        refusals.append(pool.frees)
        return False

    def refused(self: Schedule, *, alone: bool) -> Any:
        try:
            return admit(self, alone=alone)
        except PoolFullError:
            refusals.append(pool.frees)
            raise

    monkeypatch.setattr(Generation, "_fits", counted)
    monkeypatch.setattr(Schedule, "admit", refused)
    prompts = [Prompt(f"p{i}", token_ids=(1, 2, i + 3), samples=4) for i in range(5)]
    found = list(engine.generate(prompts, SamplingParams(max_new_tokens=40, temperature=0.8, seed=2)))
    assert len(found) == 20
    assert 3 <= len(refusals) == len(set(refusals))
    assert len(refusals) < engine.stats.steps / 2


def kept_arena(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Engine, list[int]]:
    """An engine whose pool is as on an accelerator; and how many branches were open when its arena shrank.

    Of the budget of 192 tokens the arena takes 128.
    """
    monkeypatch.setattr("tree_attention.kv_pool.costs_less_folded", lambda *_: False)
    make = partial(KvPool, keep_arena=True)
    monkeypatch.setattr("sampler.engine.tree_decoder.KvPool", make)
    pool = Engine(tiny_model("llama"), tokenizer)._opened.pool  # type: ignore[union-attr]
    engine = Engine(tiny_model("llama"), tokenizer, max_rows=4, kv_memory=12 * pool.page_bytes)
    pool = engine._opened.pool  # type: ignore[union-attr]
    pool.reserve_pages(8)
    shrunk: list[int] = []
    set_arena = KvPool._set_arena

    def watched(self: KvPool, size: int) -> None:
        if size < self.pages.capacity:
            shrunk.append(self.open_branches)
        set_arena(self, size)

    monkeypatch.setattr(KvPool, "_set_arena", watched)
    return engine, shrunk


SMALL = [Prompt(f"s{i}", token_ids=(i + 1, 2), samples=3) for i in range(3)]
LARGE = [Prompt(f"l{i}", token_ids=tuple(range(i, i + 100)), samples=3) for i in (5, 6)]


@pytest.mark.parametrize("prompts", [SMALL + LARGE, LARGE + SMALL, [*LARGE[:1], *SMALL, *LARGE[1:]]])
def test_an_arena_that_stays_holds_up_nobody_for_ever(
    prompts: list[Prompt], tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = SamplingParams(max_new_tokens=24, seed=4, logprobs=True)
    expected = {
        (c.prompt_id, c.sample_index): c.token_ids
        for c in Engine(tiny_model("llama"), tokenizer).generate(prompts, params)
    }
    engine, shrunk = kept_arena(tokenizer, monkeypatch)
    refused: list[bool] = []
    admit = Schedule.admit

    def watched(self: Schedule, *, alone: bool) -> Any:
        try:
            return admit(self, alone=alone)
        except PoolFullError:
            refused.append(alone)
            raise

    monkeypatch.setattr(Schedule, "admit", watched)
    found = {(c.prompt_id, c.sample_index): c.token_ids for c in engine.generate(prompts, params)}
    assert found == expected
    assert shrunk
    assert set(shrunk) == {0}
    assert refused == []  # `_fits` knows that the arena stays: nothing is evicted for nothing


def test_an_arena_gives_way_where_another_call_is_all_that_has_rows(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Free pages are no reason to say that the other call holds the memory."""
    engine, shrunk = kept_arena(tokenizer, monkeypatch)
    params = SamplingParams(max_new_tokens=12, seed=4)
    first = engine.generate(SMALL[:1], replace(params, stop=tuple("abcdefgh0123456789")))
    next(first)
    assert engine._opened.pool.open_branches > 0  # type: ignore[union-attr]
    second = list(engine.generate([Prompt("l", token_ids=tuple(range(5, 105)))], params))
    assert len([*second, *first]) == 3 + 1 - 1
    assert shrunk[0] > 0
    assert engine.stats.kv_bytes == 0
