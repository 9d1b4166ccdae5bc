"""Benchmark what the engine does around the model's forward calls, on the CPU: the share of a run's time.

    python scripts/bench_engine.py --out engine.json
    python scripts/bench_engine.py --model demo --rows 256

A run as users make it: a tree of prompts (a common beginning, problems below it, samples below those), text
of a real tokenizer, temperature 0.8, top_p 0.95 and stop strings, more samples than rows, so that ended rows
are refilled. Its wall time is split by wrapping what the engine calls:

    forward          the model's calls, attention included, prefill and decoding
    sampling         from logits to tokens, their random numbers not included
    stop checks      end-of-sequence, stop strings and limits, token by token
    detokenization   of whole completions
    planning         attention plans, pages, positions
    rest             scheduling, random numbers, Python

`around` is everything but forward. Random weights give flat distributions, in which the nucleus of top_p is
thousands of tokens; the logits are therefore scaled so that the likeliest token holds about half of the mass,
as in trained models. `--flat` leaves them as they are: the worst case.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchmarking.meter import Meter, metered
from benchmarking.models import CPU_SHAPES, SHAPES, build_model
from benchmarking.rates import describe_machine, measure_rates
from benchmarking.results import ResultFile, ResultFileError, Row, print_table
from benchmarking.tokenizer import make_tokenizer, source_text

from sampler.core import Completion, Prompt, SamplingParams
from sampler.engine import Engine

STOP = ("\n```", "\nclass ", "\ndef ", "\nif __name__", "\nprint(")
PARTS = ("forward", "sampling", "stop checks", "detokenization", "planning", "rest")
PROBLEMS = 8
_LOGIT_DEVIATION = 6.0  # of 8192 normal logits: the largest then has about half of the mass


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the benchmark."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    machine = describe_machine(torch.device("cpu"))
    try:
        results = ResultFile.open(options.out, "engine", machine, resume=False)
    except ResultFileError as error:
        sys.exit(str(error))
    model, tokenizer = load(options.model, flat=options.flat)
    rates = measure_rates(torch.device("cpu"), torch.float32, quick=options.quick)
    for rows in options.rows:
        key = {"model": options.model, "rows": rows, "new_tokens": options.new_tokens, "flat": options.flat}
        machine_rates = {"flops_per_second": rates.flops, "bytes_per_second": rates.bytes}
        results.add({"key": key, **machine_rates, **measure(model, tokenizer, rows, options)})
    columns = ["model", "rows", "seconds", "tok/s", "around", *PARTS]
    print_table("Share of a run's time", columns, [_table_row(point) for point in results.points])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", choices=("demo", *CPU_SHAPES), default=CPU_SHAPES[0])
    add("--rows", nargs="+", type=int, default=[64, 256], help="samples decoded together")
    add("--samples", type=int, default=2, help="samples, in multiples of the rows")
    add("--shared", type=int, default=512, help="tokens, about, that all prompts share")
    add("--own", type=int, default=256, help="tokens, about, of each problem")
    add("--new-tokens", type=int, default=128)
    add("--rounds", type=int, default=3)
    add("--flat", action="store_true", help="leave a random model's distributions flat")
    add("--threads", type=int, default=2)
    add("--quick", action="store_true", help="a small product and copy for the machine's rates")
    add("--out", type=Path, help="the JSON file")
    return parser.parse_args(arguments)


def load(name: str, *, flat: bool) -> tuple[Any, Any]:
    """A model and its tokenizer."""
    if name == "demo":
        from sampler.engine.loading import load_model

        loaded = load_model(name, "cpu", "float32")
        return loaded.model, loaded.tokenizer
    shape = SHAPES[name]
    model = build_model(shape, torch.device("cpu"), torch.float32)
    if not flat:
        # The last norm gives states of unit size, and the tied embedding's entries have this deviation.
        deviation = model.config.initializer_range * shape.hidden**0.5
        model.model.norm.weight.data.mul_(_LOGIT_DEVIATION / deviation)
    return model, make_tokenizer(shape.vocabulary, ends=True)


def measure(model: Any, tokenizer: Any, rows: int, options: argparse.Namespace) -> Row:
    """Rounds of the same run; the one of median time is told, with the shares of its parts."""
    prompts = make_prompts(tokenizer, options.samples * rows, options)
    params = SamplingParams(max_new_tokens=options.new_tokens, temperature=0.8, top_p=0.95, stop=STOP, seed=0)
    rounds = [_one_run(model, tokenizer, prompts, params, rows) for _ in range(options.rounds)]
    rounds.sort(key=lambda one: one["seconds"])
    return {**rounds[len(rounds) // 2], "seconds_of_rounds": [one["seconds"] for one in rounds]}


def make_prompts(tokenizer: Any, samples: int, options: argparse.Namespace) -> list[Prompt]:
    """Problems whose texts share a beginning."""
    wanted = options.shared + PROBLEMS * options.own
    text = source_text()[: 8 * wanted]  # a token has fewer characters
    ids = tokenizer(text, verbose=False)["input_ids"]
    if len(ids) < wanted:
        raise RuntimeError(f"{len(text)} characters of source gave {len(ids)} of {wanted} tokens")
    shared = tokenizer.decode(ids[: options.shared])
    own = [tokenizer.decode(ids[options.shared + i * options.own :][: options.own]) for i in range(PROBLEMS)]
    return [
        Prompt(f"problem {index}", text=f"{shared}\n# {index}\n{text}", samples=samples // PROBLEMS)
        for index, text in enumerate(own)
    ]


def _one_run(model: Any, tokenizer: Any, prompts: list[Prompt], params: SamplingParams, rows: int) -> Row:
    engine = Engine(model, tokenizer, max_rows=rows)
    with metered() as meter:
        began = time.perf_counter()
        completions = list(engine.generate(prompts, params))
        seconds = time.perf_counter() - began
    return {**_shares(meter, seconds), **_counts(engine, completions, seconds)}


def _shares(meter: Meter, seconds: float) -> Row:
    booked = {part: meter.seconds[part] for part in PARTS[:-1]}
    for part in booked:
        if not meter.calls[part]:
            raise RuntimeError(f"the engine made no call booked as {part!r}; mend benchmarking/meter.py")
    parts = {**booked, "rest": seconds - sum(booked.values())}
    return {
        "around": round(1 - parts["forward"] / seconds, 4),
        "shares": {part: round(parts[part] / seconds, 4) for part in PARTS},
    }


def _counts(engine: Engine, completions: list[Completion], seconds: float) -> Row:
    reasons = [completion.finish_reason for completion in completions]
    return {
        "seconds": round(seconds, 3),
        "tokens_per_second": round(engine.stats.new_tokens / seconds, 1),
        "mean_rows": round(engine.stats.new_tokens / max(1, engine.stats.steps), 1),
        "finish_reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }


def _table_row(point: Row) -> list[str]:
    cells = [point["key"]["model"], str(point["key"]["rows"]), f"{point['seconds']:.1f}"]
    cells += [f"{point['tokens_per_second']:.0f}", f"{point['around']:.1%}"]
    return cells + [f"{point['shares'][part]:.1%}" for part in PARTS]


if __name__ == "__main__":
    main()
