"""Benchmark the attention operation alone against its roofline: rows that share a prefix, and suffixes.

    python scripts/bench_attention.py --out attention.json
    python scripts/bench_attention.py --rows 64 --prefix 256 2048 8192 --suffix 0 64 --heads 8/2
    python scripts/bench_attention.py --device cuda --out attention-gpu.json --resume --minutes 8

One call is one layer's decode attention. Calls go round over several layers' keys and values, as in a model,
so that those of one layer do not stay in a cache for the next call. The floor is the larger of bytes over
copy bandwidth and operations over the rate of a large matrix product, for the prefix and for each suffix.

    floor/time   of `tree`: the prefix stored and read once
    x NAME       time of NAME over that of `tree`

    tree          tree_attention, with the backend of the device or `--backend`
    per_sequence  the same, each row reading the prefix for itself
    sdpa          torch's scaled_dot_product_attention on keys and values expanded for each row

On CUDA the calls are replayed from a CUDA graph, so that launches are not what is timed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchmarking.attention import BACKENDS, SYSTEMS, AttentionPoint, measure
from benchmarking.rates import describe_machine, free_memory
from benchmarking.results import ResultFile, ResultFileError, Row, print_table

# query heads / kv heads / head size: those of the decode benchmark's models, and the paper's on CUDA
HEADS = {
    "cpu": ("8/2/64", "8/8/64"),
    "cuda": ("8/1/128", "12/2/128", "28/4/128", "32/32/128", "40/40/128"),
}
ROWS = {"cpu": (16, 64, 256), "cuda": (32, 128, 256, 512, 1024, 2048)}
PREFIXES = {"cpu": (256, 1024, 2048, 4096, 8192), "cuda": (1024, 2048, 4096, 8192, 16384)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    try:
        results = ResultFile.open(
            options.out, f"attention {options.backend}", describe_machine(device), resume=options.resume
        )
    except ResultFileError as error:
        sys.exit(str(error))
    ends = time.monotonic() + 60 * options.minutes
    for point in _points(options):
        if results.find(point.key):
            continue
        if time.monotonic() > ends:
            print(f"stopped after {options.minutes:g} minutes; --resume goes on", flush=True)
            break
        memory = int(options.memory * 2**30) if options.memory else int(0.7 * free_memory(device))
        found = measure(point, device, options.backend, memory, options.rounds, quick=options.quick)
        results.add({"key": point.key, **found})
        print(" ".join(_table_row(results.points[-1])), flush=True)
    columns = [
        "heads",
        "rows",
        "prefix",
        "suffix",
        "us",
        "quartiles",
        "floor/time",
        "x per_sequence",
        "x sdpa",
    ]
    print_table("Attention of one layer", columns, [_table_row(point) for point in results.points])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options, with the device's defaults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--backend", choices=BACKENDS, default="auto", help="auto: what tree_attention takes for the device")
    add("--heads", nargs="+", metavar="QUERY/KV[/SIZE]", help="heads; their size is 64, on CUDA 128")
    add("--rows", nargs="+", type=int)
    add("--prefix", nargs="+", type=int, help="tokens")
    add("--suffix", nargs="+", type=int, default=[64], help="tokens of each row's suffix")
    add("--layers", type=int, default=8, help="gone round over")
    add("--rounds", type=int, default=3)
    add("--memory", type=float, help="GiB for one system's keys and values; default: 0.7 of what is free")
    add("--threads", type=int, default=2)
    add("--quick", action="store_true", help="a small product and copy for the machine's rates")
    add("--out", type=Path, help="the JSON file; written after every point")
    add("--resume", action="store_true", help="leave out what --out holds already")
    add("--minutes", type=float, default=float("inf"), help="begin no point after so many")
    options = parser.parse_args(arguments)
    options.heads = options.heads or HEADS[options.device]
    options.rows = options.rows or ROWS[options.device]
    options.prefix = options.prefix or PREFIXES[options.device]
    return options


def _points(options: argparse.Namespace) -> list[AttentionPoint]:
    on_cuda = options.device == "cuda"
    dtype = torch.bfloat16 if on_cuda else torch.float32
    return [
        AttentionPoint(*_sizes(heads, 128 if on_cuda else 64), rows, prefix, suffix, options.layers, dtype)
        for heads in options.heads
        for suffix in options.suffix
        for rows in options.rows
        for prefix in options.prefix
    ]


def _sizes(heads: str, head_dim: int) -> tuple[int, int, int]:
    try:
        query, kv, *size = map(int, heads.split("/"))
    except ValueError:
        query = kv = 0
        size = []
    if kv < 1 or query % kv or len(size) > 1:
        sys.exit(f"--heads {heads}: give query heads / kv heads, a divisor, such as 8/2 or 32/32/128")
    return query, kv, size[0] if size else head_dim


def _table_row(point: Row) -> list[str]:
    key, systems = point["key"], point["systems"]
    low, high = systems["tree"]["call"]["quartiles_ms"]
    cells = [key["heads"], str(key["rows"]), str(key["prefix"]), str(key["suffix"])]
    cells += [f"{1e3 * systems['tree']['call']['median_ms']:.0f}", f"{1e3 * low:.0f}-{1e3 * high:.0f}"]
    cells.append(f"{point['floor_over_time']:.2f}")
    for name in SYSTEMS[1:]:
        other = systems[name]
        mark = f" @{other['rows']}" if other["rows"] != key["rows"] else ""
        cells.append(f"{point['speed_over'][name]:.3g}{mark}" if name in point["speed_over"] else "")
    return cells


if __name__ == "__main__":
    main()
