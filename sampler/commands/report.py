"""`orchard report`."""

from __future__ import annotations

from pathlib import Path

import click

from sampler.commands.faults import clear_errors


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@clear_errors
def report(run_dir: Path) -> None:
    """Rebuild RUN_DIR/report from the rows."""
    from rich.console import Console

    from sampler.report import build_report, print_summary

    print_summary(build_report(run_dir), Console())
    click.echo(f"report: {run_dir / 'report' / 'index.html'}")
