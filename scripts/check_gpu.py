#!/usr/bin/env python
"""Checks on a machine with a GPU what no other machine can: the kernels on hardware, and captured steps.

1. `pytest -m gpu`, where pytest is installed
2. the attention operation against the float64 oracle, in float32, bfloat16 and float16
3. captured steps against the same steps launched kernel by kernel: equal to the last bit
4. captured steps against the eager runner: equal to rounding
5. launching a step never waits for the device
6. times: eager steps, static steps, captured steps; a change of rows; a capture

    python scripts/check_gpu.py --out check-gpu.json [--model qwen2.5-coder-1.5b] [--skip-pytest]

Exit status: 0, 1 where a check has failed, 2 where there is no GPU or no Triton. Needs torch, transformers
and triton only. The model's weights are random.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchmarking.decoders import Point
from benchmarking.models import SHAPES, build_model
from benchmarking.own import random_batch
from benchmarking.rates import describe_machine, synchronize

from sampler.core import SamplingParams
from sampler.engine.call_shapes import FREE
from sampler.engine.graph_capture import waits_are_errors
from sampler.engine.graph_runner import GraphRunner
from sampler.engine.modes import ATTENTION_MODES
from sampler.engine.runner import Batch, DecodeRunner, EagerRunner, StepResult
from sampler.engine.step_cache import StepCache
from sampler.engine.tensor_parallel import ONE_RANK
from tree_attention import (
    AttentionOptions,
    AttentionPlan,
    AttentionStep,
    KvPool,
    LayerShape,
    NodeStorage,
    OpenedModel,
    open_model,
    tree_attention,
)
from tree_attention.reference import reference_attention_with_lse

ROOT = Path(__file__).resolve().parents[1]
PARAMS = SamplingParams(max_new_tokens=512, temperature=0.8, top_p=0.95, seed=1, logprobs=True)
TREE = ATTENTION_MODES["tree"]
# Largest error against the oracle, of the largest value: float32 rounds sums, the others mostly their result.
BOUNDS = {torch.float32: 2e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}
KINDS = ("eager", "static", "captured")


@dataclass
class Report:
    """What was found."""

    machine: dict[str, Any]
    checks: list[dict[str, Any]] = field(default_factory=list)
    times: list[dict[str, Any]] = field(default_factory=list)

    def check(self, name: str, passed: bool, **found: Any) -> None:
        """Notes and prints one check."""
        self.checks.append({"check": name, "passed": passed, **found})
        details = ", ".join(f"{key} {value}" for key, value in found.items())
        print(f"{'ok    ' if passed else 'FAILED'} {name}: {details}", flush=True)

    @contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """A check that breaks off has failed; the others go on."""
        try:
            yield
        except Exception as error:
            self.check(name, False, error=f"{type(error).__name__}: {error}")

    def save(self, path: Path) -> bool:
        """Writes all of it; returns whether all checks have passed."""
        passed = all(check["passed"] for check in self.checks)
        path.write_text(json.dumps({"passed": passed, **self.__dict__}, indent=1) + "\n", encoding="utf-8")
        print(f"{'all checks passed' if passed else 'CHECKS HAVE FAILED'}; written to {path}")
        return passed


def run_pytest(report: Report) -> None:
    """The tests that are marked for a GPU."""
    if importlib.util.find_spec("pytest") is None:
        print("pytest is not installed: its checks are left out (pip install pytest)")
        return
    folders = ["tests/tree_attention", "tests/sampler/engine"]
    # Warnings of versions that the project is not tested with are no failures here.
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-W", "default", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout[-3000:], done.stderr[-1000:])
    report.check("pytest -m gpu", done.returncode == 0, status=done.returncode)


def check_operation(report: Report, device: torch.device, dtype: torch.dtype) -> None:
    """Decoding over a tree of three levels, 28 query heads on 4 kv heads of 128."""
    torch.manual_seed(0)
    pool = KvPool([LayerShape(4, 128, 128, dtype, device)])
    nodes: list[NodeStorage] = []
    for length, parent in ((2400, None), (500, 0), (1, 0), (70, 2)):
        nodes.append(pool.allocate_node(None if parent is None else nodes[parent], length))
        for tensor in (*nodes[-1].keys, *nodes[-1].values):
            tensor.normal_()
    leaves = [nodes[1]] * 20 + [nodes[2]] * 3 + [nodes[3]] * 14
    branches = np.array([pool.open_branch(leaf) for leaf in leaves], dtype=np.int64)
    lengths = np.arange(len(leaves), dtype=np.int64) * 9
    for length in range(int(lengths.max())):
        pool.extend_branches(branches[lengths > length], np.full(int((lengths > length).sum()), length))
    for tensor in (*pool.pages.keys, *pool.pages.values):
        tensor.normal_()
    plan = AttentionPlan.for_decode(leaves, branches.tolist())
    positions = np.array([leaf.end for leaf in leaves]) + lengths
    step = AttentionStep.decode(plan, pool, positions, lengths)
    query = torch.randn(len(leaves), 28, 128, device=device).to(dtype)
    options = AttentionOptions(scale=128**-0.5)
    out = tree_attention(query, pool, 0, step, options).double()
    expected, _ = reference_attention_with_lse(query, pool, 0, step, options)
    error = float((out - expected).abs().max() / expected.abs().max())
    report.check(f"operation in {dtype}", error <= BOUNDS[dtype], error=f"{error:.2e}")


@dataclass
class Decoding:
    """A runner on rows that share a random prefix; the same one for the same rows, whatever the runner."""

    runner: DecodeRunner
    batch: Batch

    @classmethod
    def of(cls, kind: str, opened: OpenedModel, rows: int, prefix: int = 1000) -> Decoding:
        """`kind`: one of KINDS."""
        pool, model = KvPool(opened.layers), opened.tree_model
        runner: DecodeRunner = (
            EagerRunner(model, pool, PARAMS, TREE, FREE, ONE_RANK)
            if kind == "eager"
            else GraphRunner(StepCache(opened, pool, TREE, capture=kind == "captured"), PARAMS, FREE)
        )
        torch.manual_seed(0)
        batch = random_batch(pool, Point(rows, prefix, suffix=40, steps=60), rows, model.vocabulary)
        return cls(runner, batch)

    def run(self, steps: int) -> list[StepResult]:
        """Begins, and makes so many steps."""
        self.runner.begin(self.batch)
        results = []
        for step in range(steps):
            while self.runner.in_flight <= min(self.runner.ahead, steps - 1 - step):
                self.runner.launch()
            results.append(self.runner.collect())
        return results


def compare_runners(report: Report, opened: OpenedModel, rows: int, steps: int, tolerance: float) -> None:
    """Captured steps against static ones, and against eager ones as far as the tokens are the same."""
    found = {kind: Decoding.of(kind, opened, rows).run(steps) for kind in KINDS}
    tokens = {kind: np.stack([result.tokens for result in found[kind]]) for kind in KINDS}
    logprobs = {kind: np.stack([result.logprobs for result in found[kind]]) for kind in KINDS}
    name = f"{rows} rows in {opened.layers[0].dtype}"
    same = np.array_equal(tokens["captured"], tokens["static"])
    bits = np.array_equal(logprobs["captured"], logprobs["static"])
    report.check(f"captured is static, {name}", same and bits, tokens=same, logprobs=bits)
    alike = np.logical_and.accumulate(tokens["captured"] == tokens["eager"], axis=0)
    apart = np.abs(logprobs["captured"] - logprobs["eager"])[alike]
    largest = float(apart.max(initial=np.inf if not apart.size else 0))
    passed = largest <= tolerance and float(alike[0].mean()) >= 0.9
    shares = {"first tokens alike": f"{alike[0].mean():.3f}", "last": f"{alike[-1].mean():.3f}"}
    report.check(f"captured is eager, {name}", passed, **{"logprobs apart": f"{largest:.1e}"}, **shares)


def check_never_waits(report: Report, opened: OpenedModel) -> None:
    """Steps over page borders and into new random numbers, with every wait of the host an error."""
    decoding = Decoding.of("captured", opened, 16)
    decoding.run(2)
    decoding.runner.begin(decoding.batch)
    for _ in range(40):
        with waits_are_errors():
            decoding.runner.launch()
        decoding.runner.collect()
    report.check("launching never waits", True, steps=40)


def time_runners(report: Report, opened: OpenedModel, rows: int, device: torch.device, steps: int) -> None:
    """Seconds of each kind of step, and of what captured steps cost besides."""
    found: dict[str, Any] = {"rows": rows}
    for kind in KINDS:
        decoding = Decoding.of(kind, opened, rows)
        found[f"{kind} first begin ms"] = _milliseconds(lambda d=decoding: d.runner.begin(d.batch), device)
        found[f"{kind} begin ms"] = _milliseconds(lambda d=decoding: d.runner.begin(d.batch), device)
        decoding.run(5)
        found[f"{kind} step ms"] = _milliseconds(lambda d=decoding: d.run(steps), device) / steps
        began = time.perf_counter()
        decoding.runner.launch()
        found[f"{kind} launch on the host ms"] = 1e3 * (time.perf_counter() - began)
        decoding.runner.collect()
    report.times.append(found)
    print(", ".join(f"{key} {value:.3g}" for key, value in found.items()), flush=True)


def _milliseconds(work: Callable[[], object], device: torch.device) -> float:
    synchronize(device)
    began = time.perf_counter()
    work()
    synchronize(device)
    return 1e3 * (time.perf_counter() - began)


def check_engine(report: Report, model: str, device: torch.device, rows: tuple[int, ...], steps: int) -> None:
    """All checks of runners: a small model in float32, where rounding decides little, and `model`."""
    small = open_model(build_model(SHAPES["llama-25m-gqa"], device, torch.float32))
    with report.guard("runners in float32"):
        compare_runners(report, small, rows[0], steps, tolerance=1e-3)
    opened = open_model(build_model(SHAPES[model], device, torch.bfloat16))
    with report.guard(f"runners on {model}"):
        compare_runners(report, opened, rows[0], steps, tolerance=0.25)
    with report.guard("launching never waits"):
        check_never_waits(report, opened)
    for count in rows:
        with report.guard(f"times of {count} rows"):
            time_runners(report, opened, count, device, steps)


def main() -> int:
    """Runs all checks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("check-gpu.json"), help="JSON file of all results")
    parser.add_argument("--model", choices=SHAPES, default="qwen2.5-coder-1.5b", help="shape of the model")
    parser.add_argument("--skip-pytest", action="store_true", help="leave out pytest -m gpu")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(
            "there is no GPU: torch finds no CUDA device, and all that is checked here needs one",
            file=sys.stderr,
        )
        return 2
    if importlib.util.find_spec("triton") is None:
        print("no Triton, which the GPU's kernels need; run: pip install triton", file=sys.stderr)
        return 2
    device = torch.device("cuda")
    report = Report(describe_machine(device))
    if not options.skip_pytest:
        run_pytest(report)
    for dtype in BOUNDS:
        with report.guard(f"operation in {dtype}"):
            check_operation(report, device, dtype)
    check_engine(report, options.model, device, (64, 1, 16, 256), steps=40)
    return 0 if report.save(options.out) else 1


if __name__ == "__main__":
    with torch.inference_mode():
        sys.exit(main())
