"""How a pipeline is said: clauses for its steps, chains of nouns, and sentences around them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from demo_documents.blocks import Filter, Map
from demo_documents.programs import Chosen
from demo_documents.sources import ITEMS, Source

_ITEM_NAMES = {"number": ITEMS, "word": (("words", "word"),), "letter": (("characters", "character"),)}
_FILTER_CLAUSES = (
    "keep only the {items} that {that}",
    "keep only the {items} that {that}",
    "remove all {items} that {lacking}",
    "select the {items} that {that}",
    "ignore the {items} that {lacking}",
    "drop every {item} except those that {that}",
    "throw away the {items} that {lacking}",
    "consider only those {items} that {that}",
)
_ORDINALS = ("First", "Then", "After that")


@dataclass(frozen=True)
class Subject:
    """What a statement calls the elements."""

    source: Source
    items: str
    item: str

    @classmethod
    def draw(cls, rng: random.Random, source: Source) -> Subject:
        """Names for the elements of a source; only lists of given numbers have a colourful one."""
        plain = source.kind == "number" and source.name not in ("counted", "line", "column")
        items, item = ITEMS[0] if plain else rng.choice(_ITEM_NAMES[source.kind])
        return cls(source, items, item)

    def intro(self, rng: random.Random, person: str) -> str:
        """The sentence that introduces the data."""
        return rng.choice(self.source.intros).format(items=self.items, item=self.item, Person=person)

    def fill(self, template: str, **names: str) -> str:
        """A template about the elements, filled in."""
        return template.format(items=self.items, item=self.item, **names)


def step_clauses(rng: random.Random, steps: Sequence[Chosen], subject: Subject) -> tuple[list[str], str]:
    """One imperative clause a step, and the phrase for what is left after all of them."""
    clauses = []
    items, item = subject.items, subject.item
    for chosen in steps:
        step = chosen.step
        if isinstance(step, Filter):
            clause = rng.choice(_FILTER_CLAUSES)
            clause = clause.replace("{that}", rng.choice(step.that)).replace(
                "{lacking}", rng.choice(step.lacking)
            )
        else:
            clause = rng.choice(step.wordings)
        clauses.append(chosen.fill(clause, items=items, item=item))
        if isinstance(step, Map) and step.gives != step.kind:
            items, item = "numbers", "number"
    if not steps:
        return clauses, f"the {items}"
    shrunk = isinstance(steps[-1].step, Filter)
    left = (
        (f"the remaining {items}", f"the {items} that remain")
        if shrunk
        else (f"the resulting {items}", f"the new {items}")
    )
    return clauses, rng.choice(left)


def noun_chain(rng: random.Random, steps: Sequence[Chosen], subject: Subject) -> str | None:
    """The steps as one noun phrase ("the squares of the numbers that are even"), where they allow it."""
    phrase, bare = f"the {subject.items}", True
    for chosen in steps:
        step = chosen.step
        if isinstance(step, Filter):
            that = chosen.fill(rng.choice(step.that))
            phrase = f"{phrase} that {that}" if bare else f"those of {phrase} that {that}"
        elif isinstance(step, Map):
            phrase = chosen.fill(rng.choice(step.nouns), of=phrase)
        else:
            return None
        bare = False
    return phrase if steps else None


def assemble(rng: random.Random, intro: str, clauses: list[str], goal: str) -> str:
    """The task's text: the introduction, the clauses in order and the goal, in one of several frames."""
    ask = _ask(rng, goal)
    if not clauses:
        return rng.choice(
            (f"{intro} {_capital(ask)}.", f"{intro} Your task is to {ask}.", f"{intro} Please {ask}.")
        )
    return rng.choice(_FRAMES)(intro, clauses, ask)


def _ask(rng: random.Random, goal: str) -> str:
    if goal.startswith("whether"):
        return rng.choice((f"decide {goal}", f"determine {goal}", f"find out {goal}", f"check {goal}"))
    if goal.startswith("how"):
        return rng.choice((f"find {goal}", f"count {goal}", f"print {goal}", f"determine {goal}")).replace(
            "count how", "find how"
        )
    return rng.choice((f"print {goal}", f"print {goal}", f"find {goal}", f"output {goal}", f"compute {goal}"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _running(intro: str, clauses: list[str], ask: str) -> str:
    joined = ", then ".join(clauses)
    return f"{intro} {_capital(joined)}. {_capital(ask)}."


def _ordinals(intro: str, clauses: list[str], ask: str) -> str:
    said = " ".join(f"{word}, {clause}." for word, clause in zip(_ORDINALS, clauses, strict=False))
    return f"{intro} {said} Finally, {ask}."


def _listed(intro: str, clauses: list[str], ask: str) -> str:
    lines = "\n".join(f"{i}. {_capital(text)}." for i, text in enumerate([*clauses, ask], 1))
    return f"{intro} Do the following:\n\n{lines}"


def _afterwards(intro: str, clauses: list[str], ask: str) -> str:
    return f"{intro} {_capital(ask)} after this: {'; '.join(clauses)}."


def _task(intro: str, clauses: list[str], ask: str) -> str:
    return f"{intro} Your task is to {', '.join(clauses)} and {ask}."


_FRAMES = (_running, _running, _ordinals, _listed, _afterwards, _task)
