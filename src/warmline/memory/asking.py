"""What a question asks for, as far as its form tells, and which lines have the form of an answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from warmline.memory.terms import WORD

_TIMES = """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday yesterday today tomorrow tonight ago last next recently soon since day days week
    weeks weekend month months year years morning evening night summer winter spring fall autumn
"""
_NUMBERS = """
    one two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand million billion
    dozen half twice once several couple
"""

MAX_SPEAKER = 80
"""Characters that a time and a speaker take at most at the beginning of a line."""
SPEAKER = re.compile(r"(?:\[[^\]]{0,38}\]\s*)?([^:\n]{1,40}):\s")


@dataclass(frozen=True, slots=True)
class Form:
    """What a line that answers is likely to hold: one of these words, or what the pattern finds."""

    words: frozenset[str]
    pattern: re.Pattern[str]

    def fits(self, line: str, start: int) -> bool:
        """Say whether the line holds such a thing from start on."""
        if self.pattern.search(line, start):
            return True
        return bool(self.words) and not self.words.isdisjoint(WORD.findall(line.lower(), start))


DIGIT = re.compile(r"\d")
TIME = Form(frozenset(_TIMES.split()), DIGIT)
NUMBER = Form(frozenset(_NUMBERS.split()), DIGIT)
NAME = Form(frozenset(), re.compile(r"(?<=[^.!?:] )[A-Z][a-z]"))

FORMS = (
    (re.compile(r"\bwhen\b|\b(?:what|which) (?:year|date|month|day|time)\b|\bhow long\b", re.IGNORECASE), TIME),
    (
        re.compile(
            r"\bhow (?:many|much|old|far|often|large|big|high|fast)\b"
            r"|\b(?:what|which) (?:percent\w*|number|amount|proportion|fraction|share|size|port|version)\b",
            re.IGNORECASE,
        ),
        NUMBER,
    ),
    (re.compile(r"\bwho(?:se|m)?\b|\bwhere\b|\bwhich (?:country|city|person|team)\b", re.IGNORECASE), NAME),
)


def form_of_answer(question: str) -> Form | None:
    """Return the form of a line that answers: it holds a time, a number, a name. None when any line may."""
    return next((form for asked, form in FORMS if asked.search(question)), None)


def speaker_length(line: str) -> int:
    """Return how many characters at the beginning of a transcript's line name its speaker."""
    match = SPEAKER.match(line)
    return match.end(1) if match else 0


def asks(line: str) -> bool:
    """Say whether a line of a transcript, plain or JSON, ends in a question."""
    return line.rstrip(' "}],').endswith("?")
