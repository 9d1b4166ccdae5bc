"""Command-line options made from the settings, so that each setting is described in one place."""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic.fields import FieldInfo

from sampler.config import RunConfig, load_config, settings

F = TypeVar("F", bound=Callable[..., Any])


class SettingsCommand(click.Command):
    """A command whose help lists the settings section by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a section under its name."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                section, dot, _ = parameter.opts[0].lstrip("-").partition(".")
                sections.setdefault(section if dot else "Options", []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def settings_options(command: F) -> F:
    """Add `--config` and one option for every setting."""
    for key, field in reversed(list(settings())):
        add = click.option(
            f"--{key}", _name(key), metavar=_metavar(field), multiple=_is_list(field), help=_help(field)
        )
        command = add(command)
    return click.option(
        "--config", "config_file", type=click.Path(path_type=Path), help="Settings in a TOML file."
    )(command)


def resolve(config_file: Path | None, given: dict[str, Any]) -> RunConfig:
    """The settings from the file and the options that were given.

    Raises:
        ConfigError: see `sampler.config.load_config`.
    """
    overrides = {key: given[_name(key)] for key, _ in settings() if given.get(_name(key)) not in (None, ())}
    return load_config(config_file, overrides)


def _name(key: str) -> str:
    return key.replace(".", "__")


def _help(field: FieldInfo) -> str:
    if field.default is None:
        return field.description or ""
    shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return f"{field.description}  [{shown}]"


def _is_list(field: FieldInfo) -> bool:
    return any(typing.get_origin(part) is tuple for part in typing.get_args(field.annotation))


def _metavar(field: FieldInfo) -> str:
    """What stands for the value in the help; the value itself is checked by the settings' own model."""
    arguments = typing.get_args(field.annotation)
    if typing.get_origin(field.annotation) is typing.Literal:
        return "|".join(map(str, arguments))
    names = {int: "N", float: "X", bool: "true|false", Path: "PATH"}
    return next((names[part] for part in (*arguments, field.annotation) if part in names), "TEXT")
