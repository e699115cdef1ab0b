"""A made-up memory of one file, and questions about it whose lines of evidence are known. Pure, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

MANNERS = (
    *("amber", "brazen", "copper", "dusty", "eastern", "faded", "granite", "hollow", "iron", "jagged", "knotted"),
    *("lower", "marble", "narrow", "outer", "polished", "quiet", "rusty", "silver", "twisted", "upper", "velvet"),
    *("western", "yellow"),
)
THINGS = (
    *("anchor", "bellows", "cistern", "damper", "engine", "furnace", "gauge", "hopper", "injector", "jack"),
    *("kettle", "ladder", "manifold", "nozzle", "outlet", "piston", "quench", "rudder", "sluice", "turbine"),
    *("utensil", "vessel", "winch", "yardarm"),
)
PLACES = (
    *("archive", "bakery", "cellar", "dairy", "estuary", "foundry", "garage", "harbour", "infirmary", "junction"),
    *("kitchen", "library", "meadow", "nursery", "orchard", "pavilion", "quarry", "refectory", "stable", "tannery"),
    *("upland", "vineyard", "workshop", "yeoman"),
)
KEEPERS = ("Ada", "Boris", "Carla", "Dmitri", "Elena", "Farid", "Greta", "Henri", "Ines", "Jakob", "Karin", "Luis")

LINES_A_SECTION = 40


Place = tuple[str, int, int]
"""A path, and the first and last line, from 1, both included."""

FILE_NAME = "memory.md"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the line that holds the answer, from 1."""

    text: str
    line: int

    def is_found_at(self, places: Iterable[Place]) -> bool:
        """Tell whether one of the places holds the line of evidence."""
        return any(path.endswith(FILE_NAME) and first <= self.line <= last for path, first, last in places)


@dataclass(frozen=True, slots=True)
class MadeMemory:
    """The text of the file, and the questions."""

    text: str
    questions: tuple[Question, ...]


def make(seed: int, size_bytes: int, questions: int) -> MadeMemory:
    """Make a text of about this size and so many questions about it, spread over all of it, the same for the same seed.

    At most 1 MB, which is all that there is to tell, and no more questions than lines.
    """
    chance = random.Random(seed)  # noqa: S311  # nothing secret
    facts = list(product(MANNERS, THINGS, PLACES))
    chance.shuffle(facts)
    lines: list[str] = []
    asked: list[Question] = []
    left = size_bytes
    for line, question in _told(facts, chance):
        lines.append(line)
        if question:
            asked.append(Question(question, len(lines)))
        left -= len(line) + 1
        if left <= 0:
            break
    return MadeMemory("\n".join(lines) + "\n", tuple(chance.sample(asked, questions)))


def _told(facts: list[tuple[str, str, str]], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Yield lines, each with the question that it alone answers, or none."""
    for number, (manner, thing, place) in enumerate(facts):
        if number % LINES_A_SECTION == 0:
            yield f"## Round {number // LINES_A_SECTION + 1}", ""
        value, keeper = chance.randrange(100, 1000), chance.choice(KEEPERS)
        told = f"{keeper} noted that the {manner} {thing} in the {place} stood at {value} when the round was made."
        yield told, f"At what did the {manner} {thing} in the {place} stand?"
