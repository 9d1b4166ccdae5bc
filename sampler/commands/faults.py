"""What a user can mend is shown as one clear message, not as a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


def _mendable() -> tuple[type[Exception], ...]:
    # Imported when something went wrong: some of these modules take long.
    from judge import JudgeError
    from judge.rows import RowError
    from problems import ProblemError
    from sampler.config import ConfigError
    from sampler.engine import EngineError
    from sampler.pipeline.driver import PipelineError
    from sampler.prompting import FewShotError
    from sampler.run_dir import RunDirError
    from tree_attention import UnsupportedModelError

    return (
        OSError,  # a file that is not there, a full disk: its text names the file
        ConfigError,
        EngineError,
        FewShotError,
        JudgeError,
        PipelineError,
        ProblemError,
        RowError,
        RunDirError,
        UnsupportedModelError,
    )


def clear_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors that a user can mend into a message and exit status 1."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except click.ClickException:
            raise
        except Exception as error:
            if isinstance(error, _mendable()):
                raise click.ClickException(str(error)) from error
            raise

    return wrapper
