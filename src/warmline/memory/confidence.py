"""How far what a search found looks like an answer at all, as a number that means the same everywhere. Pure.

A logistic regression on three figures, fitted on conversations, articles, an encyclopedia and
meetings together: each set's own questions against the same questions with their evidence taken out
of the memory and against the other sets' questions. Fitted without a set, it parts that set's
questions as well. A question whose premise is false looks like any other: this cannot tell.
"""

from __future__ import annotations

import math

LINE = 3.8
BLOCK = 3.4
WORDS = 1.5
THRESHOLD = -7.1
MAX_WORDS = 12
"""More words say no more: a pasted page shares some of them with anything."""


def confidence(line: float, block: float, words: int) -> float:
    """Return the chance, from 0 to 1, that the memory holds what is asked for.

    line is the score of the best line, block that of the best block of the index in relation to the
    weight of all terms; words counts the terms: five of six are less of a coincidence than one of one.
    """
    if line <= 0:
        return 0.0
    evidence = LINE * line + BLOCK * block + WORDS * math.log1p(min(words, MAX_WORDS)) + THRESHOLD
    return 1 / (1 + math.exp(-evidence))
