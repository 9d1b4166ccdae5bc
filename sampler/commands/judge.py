"""`orchard judge`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from sampler.commands.faults import clear_errors


@click.command()
@click.option("--problems", "spec", required=True, metavar="SPEC", help="The problem set.")
@click.option(
    "--programs", type=click.Path(path_type=Path), required=True, help="The programs, a JSON object a line."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Where verdicts go; what is there is kept."
)
@click.option("--sandbox", default="auto", show_default=True, help="What programs are confined by.")
@click.option(
    "--jobs", type=click.IntRange(min=0), default=0, show_default="cores", help="Programs judged at once."
)
@click.option("--all-tests", is_flag=True, help="Run every test, also after the first failing one.")
@clear_errors
def judge(spec: str, programs: Path, out: Path, sandbox: str, jobs: int, all_tests: bool) -> None:
    """Judge the programs of a file; the same command again judges only what has no verdict yet.

    A line of the file is {"problem_id": .., "program_id": .., "language": "python", "program": ..}.
    """
    from tqdm import tqdm

    from judge import Judge
    from judge.programs import finished_keys, judge_programs, read_programs
    from problems import open_problems
    from sampler.pipeline.cores import usable_cores

    opened = {problem.problem_id: problem for problem in open_problems(spec)}
    total = sum(1 for _ in read_programs(programs))
    verdicts: Counter[str] = Counter()
    kept = len(finished_keys(out))
    with Judge(sandbox=sandbox, jobs=jobs or usable_cores(), all_tests=all_tests) as judge:
        rows = judge_programs(judge, opened, programs, out)
        for _, judgement in tqdm(rows, total=total, initial=kept, unit=" programs", disable=None):
            verdicts[judgement.verdict] += 1
    counted = ", ".join(f"{verdict} {count}" for verdict, count in verdicts.most_common()) or "nothing to do"
    click.echo(f"{counted}" + (f" ({kept} verdicts were there)" if kept else ""))
    click.echo(f"verdicts: {out}")
