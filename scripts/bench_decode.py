"""Benchmark decoding on a shared prefix: time over the floor, and speed over others, point by point.

    python scripts/bench_decode.py --out decode.json                      # the CPU grid: hours
    python scripts/bench_decode.py --batch 64 --prefix 2048 --heads gqa   # a point of it
    python scripts/bench_decode.py --device cuda --out gpu.json --resume --minutes 8    # a slice at a time
    python scripts/bench_decode.py --workload three-level --out workload.json

The grid. A batch of samples shares one prefix, and each has a suffix around `--suffix` tokens. Timed is a
step: the model's forward call, sampling at temperature 1 without filters, and what is around them. Within a
round all systems run one after the other, and the medians over the rounds of their quotients are told:

    floor/time   the floor is the step of `no_attention`, measured, and the larger of bytes over copy
                 bandwidth and operations over the rate of a large matrix product, for prefix and suffixes
    x NAME       tokens a second of `tree` over those of NAME

    tree, per_sequence, no_attention   ours: storage and reads shared; storage only; a step without attention
    hf_dynamic, hf_static   transformers' generate on a cache that holds the prefix once for each row
    hf_batch                transformers' generate_batch, continuous batching; prefix pages stored once

A system whose memory or time does not suffice for the batch runs at the largest that does, told as @ROWS,
and is compared token for token. `--largest` adds the point at which each system runs at its own largest
batch. With one prefix for all, the engine's `single_level` is `tree`: the workload `three-level` has both.

The workload. A few-shot root, problems below it, samples below those, through `Engine.generate`, prefill
included: time and peak bytes of keys and values for `tree`, `single_level` and `per_sequence`, each at the
largest batch that `--kv-memory` allows, and all at the same batch.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Set before torch is loaded: on a busy machine its threads, spinning at barriers, would starve each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchmarking.decoders import Decoder, Point
from benchmarking.grid import Settings, expected_minutes, measure_point
from benchmarking.grid_table import line, print_grid
from benchmarking.models import CPU_SHAPES, GPU_SHAPES, SHAPES, ModelShape, build_model
from benchmarking.own import MODES, OwnDecoder
from benchmarking.peers import HfGenerate, HfGenerateBatch
from benchmarking.rates import Rates, describe_machine, free_memory, measure_rates
from benchmarking.results import ResultFile, ResultFileError, Row, print_table
from benchmarking.tokenizer import make_tokenizer
from benchmarking.workload import COLUMNS, Bench, Workload, table_rows

from tree_attention import open_model

PEERS = ("hf_dynamic", "hf_static", "hf_batch")
SYSTEMS = (*MODES, *PEERS)
TOKENIZER_VOCABULARY = 8192  # of the workload's tokenizer; what a model has beyond it has no text
GRIDS = {  # batches, prefixes
    "cpu": ((16, 64, 256), (256, 2048, 8192)),
    "cuda": ((32, 64, 128, 256, 512, 1024, 2048), (1024, 2048, 4096, 8192, 16384)),
}


@dataclass(frozen=True)
class Task:
    """A point that is to be measured, or has been."""

    shape: ModelShape
    point: Point

    @property
    def key(self) -> Row:
        """What tells it from others in a result file."""
        return {
            "model": self.shape.name,
            "batch": self.point.batch or "largest",
            "prefix": self.point.prefix,
            "suffix": self.point.suffix,
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    try:
        results = ResultFile.open(
            options.out, f"decode {options.workload}", describe_machine(device), resume=options.resume
        )
    except ResultFileError as error:
        sys.exit(str(error))
    if options.workload == "three-level":
        run_workload(options, device, dtype, results)
    else:
        run_grid(options, device, dtype, results)
        print_grid(results.points, options.systems)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options, with the device's defaults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--workload", choices=("grid", "three-level"), default="grid")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--models", nargs="+", choices=SHAPES, help="default: those of the device")
    add("--heads", choices=("gqa", "mha"), help="only models of these heads")
    add("--batch", nargs="*", type=int, help="samples decoded together")
    add("--prefix", nargs="+", type=int, help="tokens")
    add("--suffix", type=int, default=64, help="tokens of each sample, halfway through the timed steps")
    add("--largest", action="store_true", help="also each system at its own largest batch")
    add("--systems", nargs="+", choices=SYSTEMS, help="default: all, on CUDA without hf_static and hf_batch")
    add("--steps", type=int, default=8, help="timed in a round")
    add("--rounds", type=int, help="default: 3, on CUDA 2, where each captures its graphs anew")
    add("--seconds", type=float, default=30.0, help="that a system may take for the steps of a round")
    add("--memory", type=float, help="GiB a system may take beside weights; default: most of what is free")
    add(
        "--generate",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="where it takes no longer, time whole generations too",
    )
    add(
        "--kv-memory",
        type=float,
        metavar="GIB",
        help="of the workload; default: what single_level takes for two problems",
    )
    add("--samples", type=int, default=32, help="of the workload: samples of each of the 8 problems")
    add("--new-tokens", type=int, default=256, help="of the workload: tokens a sample")
    add("--threads", type=int, default=2)
    add("--quick", action="store_true", help="a small point, two rounds: a try of the script, not a figure")
    add("--out", type=Path, help="the JSON file; written after every point")
    add("--resume", action="store_true", help="leave out what --out holds already")
    add("--minutes", type=float, default=float("inf"), help="begin no point after so many")
    return _with_defaults(parser.parse_args(arguments))


def _with_defaults(options: argparse.Namespace) -> argparse.Namespace:
    on_cuda = options.device == "cuda"
    batches, prefixes = GRIDS[options.device]
    options.rounds = options.rounds or (2 if on_cuda else 3)
    if options.quick:
        batches, prefixes = batches[:1], prefixes[:1]
        options.rounds, options.steps = min(options.rounds, 2), min(options.steps, 2)
    options.batch = batches if options.batch is None else options.batch
    options.prefix = options.prefix or prefixes
    models = options.models or (GPU_SHAPES if on_cuda else CPU_SHAPES)
    if options.heads:
        models = [name for name in models if (_heads(SHAPES[name]) == options.heads)]
    options.models = models
    if options.systems is None:
        options.systems = tuple(name for name in SYSTEMS if not on_cuda or name not in PEERS[1:])
    # Ours come before the peers, and the tree before the step without attention, whose rows it sets.
    options.systems = tuple(name for name in SYSTEMS if name in options.systems)
    return options


def _heads(shape: ModelShape) -> str:
    return "mha" if shape.kv_heads == shape.query_heads else "gqa"


def run_grid(
    options: argparse.Namespace, device: torch.device, dtype: torch.dtype, results: ResultFile
) -> None:
    """Measures the points that the results lack; the time they are expected to take is told first."""
    ends = time.monotonic() + 60 * options.minutes
    rates = measure_rates(device, dtype, quick=options.quick)
    print(f"{rates.flops / 1e12:.3g} TFLOP/s, {rates.bytes / 1e9:.3g} GB/s", flush=True)
    for name in options.models:
        tasks = [task for task in _tasks(SHAPES[name], options) if not _is_done(task, results, options)]
        if tasks and time.monotonic() <= ends:
            measure_tasks(tasks, options, device, dtype, rates, results, ends)
        if tasks and time.monotonic() > ends:
            print(f"stopped after {options.minutes:g} minutes; --resume goes on", flush=True)
            return


def measure_tasks(
    tasks: Sequence[Task],
    options: argparse.Namespace,
    device: torch.device,
    dtype: torch.dtype,
    rates: Rates,
    results: ResultFile,
    ends: float,
) -> None:
    """Measures points of one model, until the monotonic clock says `ends`."""
    shape = tasks[0].shape
    decoders = make_decoders(shape, device, dtype, options.systems)
    settings = _settings(options, device, dtype)
    minutes = sum(expected_minutes(decoders, task.point, rates, settings) for task in tasks)
    print(f"{shape.name}: {len(tasks)} points, about {minutes:.0f} minutes", flush=True)
    for task in tasks:
        if time.monotonic() > ends:
            return
        results.add({"key": task.key, **measure_point(task.point, decoders, shape, rates, settings)})
        print(line(results.points[-1]), flush=True)


def make_decoders(
    shape: ModelShape, device: torch.device, dtype: torch.dtype, systems: Sequence[str]
) -> list[Decoder]:
    """The systems, around one model of random weights."""
    model = build_model(shape, device, dtype)
    opened = open_model(model)
    made: list[Decoder] = [OwnDecoder(opened, shape, mode) for mode in MODES]
    made += [HfGenerate(model, shape, static=static) for static in (False, True)]
    made.append(HfGenerateBatch(model, shape))
    return [decoder for decoder in made if decoder.name in systems]


def _tasks(shape: ModelShape, options: argparse.Namespace) -> Iterator[Task]:
    for batch in (*options.batch, *([None] if options.largest else [])):
        for prefix in options.prefix:
            yield Task(shape, Point(batch, prefix, options.suffix, options.steps))


def _is_done(task: Task, results: ResultFile, options: argparse.Namespace) -> bool:
    known = results.find(task.key)
    return known is not None and set(options.systems) <= set(known["systems"])


def _settings(options: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> Settings:
    """The model has been loaded before: what is free is what it leaves."""
    share = 0.85 if device.type == "cuda" else 0.7  # other programs need the machine's memory too
    memory = options.memory * 2**30 if options.memory else share * free_memory(device)
    return Settings(
        device,
        dtype,
        int(memory),
        rounds=options.rounds,
        seconds=options.seconds,
        generation_seconds=options.generate,
        quick=options.quick,
    )


def run_workload(
    options: argparse.Namespace, device: torch.device, dtype: torch.dtype, results: ResultFile
) -> None:
    """Runs the three-level workload on each model and prints it."""
    workload = Workload(samples=options.samples, new_tokens=options.new_tokens)
    if options.quick:
        workload = Workload(64, problems=2, shortest=8, longest=16, samples=4, new_tokens=8)
    for name in options.models:
        shape = SHAPES[name]
        needed = workload.memory_for(options.samples * 2, shape.token_bytes(dtype))
        memory = needed if options.kv_memory is None else int(options.kv_memory * 2**30)
        key = {"model": name, "kv_memory_gib": round(memory / 2**30, 3), **asdict(workload)}
        if results.find(key):
            continue
        model = build_model(shape, device, dtype)
        tokenizer = make_tokenizer(min(shape.vocabulary, TOKENIZER_VOCABULARY), ends=False)
        bench = Bench(workload, model, tokenizer, shape, memory, quick=options.quick)
        results.add({"key": key, **bench.run(options.rounds)})
    rows = [row for point in results.points for row in table_rows(point)]
    print_table("A root, problems, samples", COLUMNS, rows)


if __name__ == "__main__":
    main()
