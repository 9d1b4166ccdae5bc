"""Result files, written after every point so that a run can be cut into slices, and tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class ResultFileError(ValueError):
    """A result file that cannot be continued; the text says why and what to do."""


@dataclass
class ResultFile:
    """Points of a benchmark with the machine they were measured on, as one JSON file.

    Each point is a dictionary whose entry `key` tells it from the others.
    """

    path: Path | None
    benchmark: str
    machine: dict[str, Any]
    points: list[Row] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path | None, benchmark: str, machine: dict[str, Any], *, resume: bool) -> ResultFile:
        """A new file, or with `resume` the one that is there, whose points then need not be run again.

        Raises:
            ResultFileError: there is a file and it was not asked to be continued, or it is another's.
        """
        results = cls(path, benchmark, machine)
        if path is None or not path.exists():
            return results
        if not resume:
            raise ResultFileError(f"{path} exists; give --resume to continue it, or another --out")
        known = json.loads(path.read_text(encoding="utf-8"))
        if (known["benchmark"], known["machine"]["device"]) != (benchmark, machine["device"]):
            raise ResultFileError(
                f"{path} holds {known['benchmark']} on {known['machine']['device']}, not {benchmark} on "
                f"{machine['device']}; give another --out"
            )
        results.points = known["points"]
        return results

    def find(self, key: Row) -> Row | None:
        """The point of that key."""
        return next((point for point in self.points if point["key"] == key), None)

    def add(self, point: Row) -> None:
        """Puts a point in the place of the one of the same key, or at the end, and writes the file."""
        self.points = [known for known in self.points if known["key"] != point["key"]] + [point]
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = {"benchmark": self.benchmark, "machine": self.machine, "points": self.points}
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        part.replace(self.path)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table, with rich where it is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print(plain_table(title, columns, rows))
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    wide = max(map(len, plain_table(title, columns, rows).splitlines()))
    # Wide enough: a table in a file, or on a narrow terminal, is not cut.
    Console(width=wide + 3 * len(columns) + 4).print(table)


def plain_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as lines of text, columns aligned to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    head = "  ".join(name.rjust(width) for name, width in zip(columns, widths, strict=True))
    return "\n".join([title, head, "-" * len(head), *lines])
