"""What a user can mend is shown as one clear message, not as a traceback."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


# Where each class of such errors is defined. They are looked up among the modules that are loaded: an error
# that was raised has its module there, and importing the others would take seconds.
MENDABLE = (
    ("judge.errors", "JudgeError"),
    ("judge.rows", "RowError"),
    ("problems.problem", "ProblemError"),
    ("sampler.config", "ConfigError"),
    ("sampler.engine.errors", "EngineError"),
    ("sampler.pipeline.pools", "PipelineError"),
    ("sampler.prompting.few_shot", "FewShotError"),
    ("sampler.run_dir", "RunDirError"),
    ("tree_attention.transformers_plugin", "UnsupportedModelError"),
)


def is_mendable(error: Exception) -> bool:
    """Whether the error's text says what a user can do about it."""
    if isinstance(error, OSError):  # a file that is not there, a full disk: its text names the file
        return True
    return any(
        isinstance(error, getattr(sys.modules[module], name))
        for module, name in MENDABLE
        if module in sys.modules
    )


def clear_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors that a user can mend into a message and exit status 1.

    A closed standard output (`orchard ... | head`) is no error; click ends the command quietly.
    """

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (click.ClickException, BrokenPipeError):
            raise
        except Exception as error:
            if is_mendable(error):
                raise click.ClickException(str(error)) from error
            raise

    return wrapper
