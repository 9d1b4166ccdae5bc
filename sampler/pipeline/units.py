"""Units of work: which samples one sampler draws in one call.

A unit is a run of neighbouring prompts in tree order with the samples still missing of each, about
`unit_samples` in all. Neighbours share the most, so a unit keeps what it shares warm on one sampler; a
prompt with more samples than that is cut into ranges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from sampler.core import Prompt
from sampler.run_dir import Key


@dataclass(frozen=True)
class Unit:
    """Prompts, each with the sample indices to draw. `tries` counts the samplers that died with it."""

    prompts: tuple[Prompt, ...]
    tries: int = 0

    @property
    def keys(self) -> list[Key]:
        """The keys of the rows that this unit makes."""
        return [(prompt.problem_id, index) for prompt in self.prompts for index in prompt.sample_indices]

    def without(self, done: Collection[Key]) -> Unit:
        """The unit that is left when some of its rows are there."""
        return replace(self, prompts=tuple(_missing(self.prompts, done)))


def make_units(prompts: Iterable[Prompt], done: Collection[Key], unit_samples: int) -> Iterator[Unit]:
    """Yield the units that make every row not in `done`, in the order of the prompts."""
    gathered: list[Prompt] = []
    room = unit_samples
    for prompt in _missing(prompts, done):
        indices = prompt.sample_indices
        while indices:
            taken, indices = indices[:room], indices[room:]
            gathered.append(replace(prompt, samples=taken))
            room -= len(taken)
            if room == 0:
                yield Unit(tuple(gathered))
                gathered, room = [], unit_samples
    if gathered:
        yield Unit(tuple(gathered))


def _missing(prompts: Iterable[Prompt], done: Collection[Key]) -> Iterator[Prompt]:
    for prompt in prompts:
        missing = tuple(i for i in prompt.sample_indices if (prompt.problem_id, i) not in done)
        if missing:
            yield replace(prompt, samples=missing)
