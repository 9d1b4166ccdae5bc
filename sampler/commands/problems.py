"""`orchard problems ls|show|validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sampler.commands.faults import clear_errors

if TYPE_CHECKING:
    from judge.validation import ValidationRow


@click.group()
def problems() -> None:
    """List, show and validate problem sets.

    SPEC is `bundled` or `package:DIR`; filters may follow, such as
    `bundled?difficulty=easy,medium&tags=dp&limit=10` (also ids, since, until).
    """


@problems.command()
@click.argument("spec")
@clear_errors
def ls(spec: str) -> None:
    """List the problems of SPEC."""
    from rich.console import Console
    from rich.table import Table

    from problems import open_problems

    table = Table("id", "title", "difficulty", "tests", "CPU limit", "tags", box=None, header_style="bold")
    for problem in open_problems(spec):
        table.add_row(
            problem.problem_id,
            problem.title,
            problem.difficulty or "",
            str(len(problem.tests)),
            f"{problem.limits.cpu_seconds:g} s",
            ", ".join(problem.tags),
        )
    Console().print(table)


@problems.command()
@click.argument("spec")
@click.argument("ids", nargs=-1)
@clear_errors
def show(spec: str, ids: tuple[str, ...]) -> None:
    """Print the problems of SPEC as a prompt states them; IDS chooses among them."""
    from problems import open_problems
    from sampler.prompting import render_problem

    for problem in open_problems(spec, ids=ids):
        limits = problem.limits
        click.secho(f"{problem.problem_id}", bold=True)
        click.echo(
            f"{problem.difficulty or 'no difficulty'}; {', '.join(problem.tags) or 'no tags'}; "
            f"{len(problem.tests)} tests; {limits.cpu_seconds:g} s CPU, {limits.memory_bytes >> 20} MiB\n"
        )
        click.echo(render_problem(problem))


@problems.command()
@click.argument("spec")
@click.option("--sandbox", default="auto", show_default=True, help="What programs are confined by.")
@click.option(
    "--jobs", type=click.IntRange(min=0), default=0, show_default="cores", help="Programs judged at once."
)
@clear_errors
def validate(spec: str, sandbox: str, jobs: int) -> None:
    """Judge the reference and wrong solutions of SPEC; exit status 1 where a verdict is unexpected."""
    from judge import Judge
    from judge.validation import validate_problems
    from problems import open_problems
    from sampler.pipeline.cores import usable_cores

    checked = wrong = 0
    with Judge(sandbox=sandbox, jobs=jobs or usable_cores()) as judge:
        for row in validate_problems(judge, open_problems(spec)):
            checked += 1
            wrong += not row.ok
            click.echo(_line(row))
    click.echo(f"{checked} programs judged, {wrong} not as expected")
    if wrong or not checked:
        raise SystemExit(1)


def _line(row: ValidationRow) -> str:
    mark = click.style("ok  ", fg="green") if row.ok else click.style("FAIL", fg="red", bold=True)
    expected = "|".join(sorted(row.expected))
    got = row.judged or "none"
    note = "" if row.ok else f"  ({row.detail})"
    return f"{mark} {row.problem_id:26} {row.submission:40} expected {expected:6} got {got}{note}"
