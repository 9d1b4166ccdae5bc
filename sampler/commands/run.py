"""`orchard run` and `orchard sample`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from sampler.commands.faults import clear_errors
from sampler.commands.options import SettingsCommand, resolve, settings_options
from sampler.config import RunConfig


@click.command(cls=SettingsCommand)
@settings_options
@click.option(
    "--dry-run", is_flag=True, help="Show the prompt tree, the first prompt and the plan; draw nothing."
)
@clear_errors
def run(config_file: Path | None, dry_run: bool, **given: Any) -> None:
    """Sample, judge and report. The same command again resumes a run that was stopped."""
    config = resolve(config_file, given)
    if dry_run:
        _dry_run(config)
    else:
        stages = _session(config, judging=True)
        _report(config, stages)


@click.command(cls=SettingsCommand)
@settings_options
@click.option(
    "--dry-run", is_flag=True, help="Show the prompt tree, the first prompt and the plan; draw nothing."
)
@clear_errors
def sample(config_file: Path | None, dry_run: bool, **given: Any) -> None:
    """Draw the samples of a run and judge none; `orchard run` with the same settings judges them."""
    config = resolve(config_file, given)
    if dry_run:
        _dry_run(config)
    else:
        _session(config, judging=False)
        click.echo(f"samples are in {config.run_dir}; `orchard run` with the same settings judges them")


def _dry_run(config: RunConfig) -> None:
    from sampler.pipeline.dry_run import describe_run

    for line in describe_run(config):
        click.echo(line)


def _session(config: RunConfig, *, judging: bool) -> dict[str, float]:
    from sampler.pipeline.run import run as run_pipeline

    click.echo(f"{config.run_dir}: {config.samples} samples of each problem of {config.problems}", err=True)
    try:
        result = run_pipeline(config, judging=judging)
    except KeyboardInterrupt:
        click.echo("\nstopped; finished rows are kept, the same command resumes", err=True)
        raise SystemExit(130) from None
    if result.resumed:
        click.echo(f"resumed: {result.resumed} samples were there", err=True)
    return result.stages


def _report(config: RunConfig, stages: dict[str, float]) -> None:
    from rich.console import Console

    from sampler.report import build_report, print_summary

    started = time.monotonic()
    summary = build_report(config.run_dir, config.report)
    stages = stages | {"report": time.monotonic() - started}
    print_summary(summary, Console())
    click.echo("seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items()))
    click.echo(f"report: {config.run_dir / 'report' / 'index.html'}")
    if summary["faults"] and not summary["n"]["max"]:
        raise click.ClickException("not one sample was drawn and judged; a reason stands above")
