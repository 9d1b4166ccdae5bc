"""Sampling from a language model on a prompt tree, the pipeline around it, and the report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sampler.run_dir import Run, load_run

__all__ = ["Run", "load_run"]


def __getattr__(name: str) -> Any:
    """Import the names above on first use: `sampler.engine` must not need what they need."""
    if name in __all__:
        from sampler import run_dir

        return getattr(run_dir, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
