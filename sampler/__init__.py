"""Sampling from a language model on a prompt tree, the pipeline around it, and the report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sampler.results import Run, load_run

__all__ = ["Run", "load_run"]


def __getattr__(name: str) -> Any:
    """Import the names above on first use: `sampler.engine` must not need what they need."""
    if name in __all__:
        from sampler import results

        return getattr(results, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
