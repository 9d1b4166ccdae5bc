"""pass@k and its kin from the rows of a run: figures, a table for the terminal, a page to publish.

`statistics` has the estimators, `tally` counts rows, `summary` makes the figures of a run, `table` and
`page` show them, `programs` groups the distinct programs for the page, `build` writes the files.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sampler.report.build import build_report
    from sampler.report.table import print_summary

__all__ = ["build_report", "print_summary"]


def __getattr__(name: str) -> Any:
    """Import the names above on first use: a command that shows no report does not pay for one."""
    if name == "build_report":
        from sampler.report.build import build_report

        return build_report
    if name == "print_summary":
        from sampler.report.table import print_summary

        return print_summary
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
