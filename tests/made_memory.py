"""A memory of any size, made from a seed: each line of it says one thing, of which each can be asked."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
MEASURES = ("wind", "rain", "pollen", "frost", "dew", "light", "salt", "soot", "sound", "warmth")
KEEPERS = ("Ada", "Bo", "Cleo", "Dag", "Eli", "Finn", "Gus", "Hedda", "Ines", "Jonas")
LINES_A_FILE = 100
TELLING_CHARACTERS = 5
"""With which each name begins and no other: the simulated model looks at no more of a word."""


@dataclass(frozen=True)
class Fact:
    """A line of the memory: where it stands, and how it is asked for."""

    path: str
    line: int
    text: str
    question: str


def make_memory(folder: Path, size_bytes: int, *, seed: int = 5) -> list[Fact]:
    """Write a memory of at least this size in files of a hundred lines, and return what it holds."""
    chosen = random.Random(seed)
    folder.mkdir()
    facts: list[Fact] = []
    named: set[str] = set()
    written = 0
    while written < size_bytes:
        path = folder / f"stations-{len(facts) // LINES_A_FILE:03}.md"
        lines = []
        for number in range(1, LINES_A_FILE + 1):
            name = _new_name(chosen, named)
            measure, minutes, keeper = chosen.choice(MEASURES), chosen.randint(2, 90), chosen.choice(KEEPERS)
            text = f"The {name} station records {measure} every {minutes} minutes, and {keeper} looks after it."
            question = f"How often does the {name} station record {measure}?"
            facts.append(Fact(f"{folder.name}/{path.name}", number, text, question))
            lines.append(text + "\n")
        path.write_text("".join(lines), "utf-8")
        written += path.stat().st_size
    return facts


def _new_name(chosen: random.Random, named: set[str]) -> str:
    """Make up a word that was not there before."""
    while True:
        name = "".join(chosen.choices(SYLLABLES, k=4)).capitalize()
        if name[:TELLING_CHARACTERS] not in named:
            named.add(name[:TELLING_CHARACTERS])
            return name
