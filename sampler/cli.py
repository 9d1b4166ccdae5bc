"""The command `orchard`. What a command needs is imported when it is called: `--help` must be quick."""

from __future__ import annotations

import importlib

import click

# name -> (where the command is, its line in the overview)
_COMMANDS = {
    "run": ("sampler.commands.run:run", "Sample, judge and report; the same command again resumes."),
    "sample": ("sampler.commands.run:sample", "Only the sampling half of a run."),
    "judge": ("sampler.commands.judge:judge", "Judge the programs of a file."),
    "report": ("sampler.commands.report:report", "Rebuild the report of a run from its rows."),
    "problems": ("sampler.commands.problems:problems", "List, show and validate problem sets."),
    "doctor": ("sampler.commands.doctor:doctor", "Check this machine and say what mends each fault."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="orchard-sampler", prog_name="orchard")
def main() -> None:
    """Draw many programs per problem from a language model, judge each, report pass@k.

    `orchard run` alone does a whole run with the bundled problems and the bundled model.
    """
