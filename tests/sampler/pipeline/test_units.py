from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sampler.core import Prompt
from sampler.pipeline.units import Unit, make_units


def prompts_of(*counts: int) -> list[Prompt]:
    return [
        Prompt(f"p{i}/0", text="x", samples=tuple(range(count)), problem_id=f"p{i}")
        for i, count in enumerate(counts)
    ]


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 7), st.randoms(use_true_random=False))
def test_units_make_every_missing_row_once(counts, unit_samples, random):
    prompts = prompts_of(*counts)
    wanted = [(p.problem_id, i) for p in prompts for i in p.sample_indices]
    done = {key for key in wanted if random.random() < 0.3}
    units = list(make_units(prompts, done, unit_samples))
    made = [key for unit in units for key in unit.keys]
    assert made == [key for key in wanted if key not in done]
    assert all(len(unit.keys) == unit_samples for unit in units[:-1])
    assert all(unit.keys for unit in units)


def test_what_is_left_of_a_unit():
    unit = Unit(tuple(prompts_of(2, 3)), tries=1)
    left = unit.without({("p0", 0), ("p0", 1), ("p1", 1)})
    assert left.keys == [("p1", 0), ("p1", 2)]
    assert left.tries == 1
