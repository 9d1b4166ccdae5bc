"""The decode grid's points as lines and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarking.grid import CEILING, OURS
from benchmarking.results import Row, print_table

_COLUMNS = ("model", "batch", "prefix", "step ms", "quartiles", "tok/s", "floor/time", "ceiling/time")


def line(point: Row) -> str:
    """A point as it is measured, for who watches."""
    key = point["key"]
    steps = [
        f"{name} {found['step']['median_ms']:.4g} ms @{found['rows']}" if "step" in found else f"no {name}"
        for name, found in point["systems"].items()
    ]
    return f"{key['model']} {key['batch']} x {key['prefix']}: " + ", ".join(steps)


def print_grid(points: Sequence[Row], systems: Sequence[str]) -> None:
    """Prints the points; @ROWS marks a system that ran at another batch than the point's."""
    others = [name for name in systems if name not in (OURS, CEILING)]
    rows = [_table_row(point, others) for point in points]
    print_table("Decoding on a shared prefix", [*_COLUMNS, *(f"x {name}" for name in others)], rows)
    for reason in sorted({f"{name}: {why}" for point in points for name, why in _refusals(point)}):
        print(reason)


def _table_row(point: Row, others: Sequence[str]) -> list[str]:
    key, systems = point["key"], point["systems"]
    ours = systems.get(OURS, {})
    cells = [key["model"], str(key["batch"]), str(key["prefix"]), *_own_cells(ours, key["batch"])]
    cells += [
        f"{point[name]:.2f}" if name in point else "" for name in ("floor_over_time", "ceiling_over_time")
    ]
    for name in others:
        speed = point["speed_over"].get(name)
        cells.append("" if speed is None else f"{speed:.3g}{_at(systems[name], key['batch'])}")
    return cells


def _own_cells(ours: Row, batch: int | str) -> list[str]:
    if "step" not in ours:
        return ["", "", ""]
    low, high = ours["step"]["quartiles_ms"]
    tokens = f"{ours['tokens_per_second']:.0f}{_at(ours, batch)}"
    return [f"{ours['step']['median_ms']:.1f}", f"{low:.1f}-{high:.1f}", tokens]


def _at(found: Row, batch: int | str) -> str:
    return "" if found["rows"] == batch else f" @{found['rows']}"


def _refusals(point: Row) -> list[tuple[str, str]]:
    return [(name, found["refused"]) for name, found in point["systems"].items() if "refused" in found]
