"""Titles and names. A title says little on purpose: the model must read the statement it belongs to."""

# ruff: noqa: E501 - a table is read best as a block
from __future__ import annotations

import random

_FIRST = (
    "Amber", "Blue", "Broken", "Busy", "Clever", "Cold", "Curious", "Distant", "Early", "Empty", "Fair", "Fast",
    "First", "Golden", "Green", "Hidden", "Honest", "Last", "Little", "Lonely", "Long", "Lost", "Lucky", "Mixed",
    "New", "Odd", "Old", "Paper", "Plain", "Quiet", "Quick", "Red", "Round", "Secret", "Sharp", "Short", "Silent",
    "Silver", "Simple", "Small", "Strange", "Sunny", "Tall", "Tidy", "Tiny", "Tired", "Useful", "Warm", "White", "Wild",
)  # fmt: skip
_SECOND = (
    "Apples", "Archive", "Baker", "Beads", "Boats", "Books", "Bridge", "Cards", "Clock", "Coins", "Counter", "Digits",
    "Doors", "Farm", "Fence", "Filter", "Fruit", "Game", "Garden", "Gifts", "Harbour", "Hills", "Houses", "Jars",
    "Keys", "Ladder", "Lamps", "Letters", "Lights", "List", "Market", "Messages", "Mirror", "Numbers", "Orders", "Parade",
    "Path", "Queue", "Race", "Report", "River", "Rooms", "Row", "Scores", "Shelf", "Signals", "Stones", "Table",
    "Tickets", "Tiles", "Towers", "Train", "Trees", "Walk", "Wall", "Words",
)  # fmt: skip
_PEOPLE = (
    "Ada",
    "Ben",
    "Carla",
    "Dmitri",
    "Eva",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Mei",
    "Nora",
)


def draw_title(rng: random.Random) -> str:
    """A title of two or three words."""
    title = f"{rng.choice(_FIRST)} {rng.choice(_SECOND)}"
    extra = rng.random()
    if extra < 0.15:
        return f"The {title}"
    if extra < 0.25:
        return f"{title} Again"
    if extra < 0.4:
        return f"{rng.choice(_SECOND)} and {rng.choice(_SECOND)}"
    return title


def draw_person(rng: random.Random) -> str:
    """A first name."""
    return rng.choice(_PEOPLE)
