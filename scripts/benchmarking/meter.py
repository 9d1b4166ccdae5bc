"""Times parts of the engine from outside, by wrapping what it calls; its own code holds no timers."""

from __future__ import annotations

import functools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from benchmarking.models import ModelShape
from benchmarking.rates import Rates, synchronize
from benchmarking.roofline import step_seconds
from sampler.engine import sampling
from sampler.engine.row_table import RowTable
from sampler.engine.stopping import StopRules
from tree_attention import AttentionPlan, AttentionStep, PoolContext, TreeModel


@dataclass
class Meter:
    """Seconds by part, while it is in use.

    Parts do not overlap: time inside a part is not the part's that called it.
    """

    seconds: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    _inner: list[float] = field(default_factory=lambda: [0.0])  # spent in parts below, by depth

    def wrapped(self, work: Callable[..., Any], part: str) -> Callable[..., Any]:
        """`work`, whose time is booked as `part`."""

        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            began = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                whole = time.perf_counter() - began
                self.seconds[part] += whole - self._inner.pop()
                self._inner[-1] += whole
                self.calls[part] += 1

        return timed


@contextmanager
def metered() -> Iterator[Meter]:
    """Books the engine's time: `forward`, `sampling`, `stop checks`, `detokenization`, `planning`."""
    meter = Meter()
    with ExitStack() as stack:

        def book(owner: Any, name: str, part: str) -> None:
            found = vars(owner)[name]
            if isinstance(found, classmethod):
                replaced: Any = classmethod(meter.wrapped(found.__func__, part))
            else:
                replaced = meter.wrapped(found, part)
            stack.enter_context(patch.object(owner, name, replaced))

        book(TreeModel, "logits", "forward")
        book(AttentionPlan, "for_decode", "planning")
        book(AttentionPlan, "for_prefill", "planning")
        book(AttentionStep, "decode", "planning")
        book(AttentionStep, "prefill", "planning")
        book(RowTable, "step", "stop checks")
        book(RowTable, "append", "stop checks")
        book(StopRules, "text", "detokenization")
        for module in _modules_with("draw_tokens", sampling.draw_tokens):
            book(module, "draw_tokens", "sampling")
        yield meter


@dataclass
class CallLog:
    """What the engine's forward calls were."""

    attention_floor: float = 0.0  # seconds, of all calls that told their plan
    told: int = 0  # decoding calls that did: none without attention, or where a CUDA graph is replayed
    prefill_seconds: float = 0.0


@contextmanager
def logged_calls(shape: ModelShape, token_bytes: int, rates: Rates) -> Iterator[CallLog]:
    """Logs every forward call of the engine; waits for the device around the calls that prefill."""
    log = CallLog()
    logits = TreeModel.logits

    def logged(model: TreeModel, tokens: Any, positions: Any, context: Any, keep: Any = None) -> Any:
        if isinstance(context, PoolContext):
            log.attention_floor += step_seconds(context.step, shape, token_bytes, rates)
            log.told += keep is None
        if keep is None:  # decoding: every row's logits are wanted
            return logits(model, tokens, positions, context)
        synchronize(model.device)
        began = time.perf_counter()
        found = logits(model, tokens, positions, context, keep)
        synchronize(model.device)
        log.prefill_seconds += time.perf_counter() - began
        return found

    with patch.object(TreeModel, "logits", logged):
        yield log


def _modules_with(name: str, value: Any) -> list[Any]:
    """The engine's modules that call `value` by this name."""
    return [
        module
        for key, module in list(sys.modules.items())
        if key.startswith("sampler.engine.") and getattr(module, name, None) is value
    ]
