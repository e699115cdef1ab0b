"""Finding the words of a question in text, at the cost of a substring search. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from warmline.memory.terms import HUMP, WORD, Stemmer


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the question: its stem in the index, what every word of that stem begins with, its weight."""

    stem: str
    prefix: str
    idf: float


def prefix_of(stem: str) -> str:
    """Return what the words of an English stem begin with: `happi` is the stem of happy, `die` of dying."""
    return stem[:-1] if len(stem) > 2 and stem[-1] in "iey" else stem


class Matcher:
    """Finds the terms of one question, as words of their stems or as parts of identifiers."""

    def __init__(self, terms: Sequence[Term], stemmer: Stemmer) -> None:
        self._terms = terms
        self._stems = stemmer

    def find(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term, line from 0, column from 0) for every word of text that is one of the terms.

        A term's matches come together, in the order of the text. Columns count folded characters.
        """
        low = text.lower()
        if len(low) != len(text):
            text = low
        found = []
        stems, word_at = self._stems, WORD.match
        for number, term in enumerate(self._terms):
            prefix, stem = term.prefix, term.stem
            at = low.find(prefix)
            while at >= 0:
                if at and low[at - 1].isalnum():
                    is_found = text[at].isupper() and self._is_later_part(stem, text, at)
                else:
                    word = word_at(low, at)
                    is_found = word is not None and (
                        stems[word[0]] == stem
                        or (not text[at : word.end()].islower() and self._is_part(stem, text, at))
                    )
                if is_found:
                    found.append((number, at))
                at = low.find(prefix, at + 1)
        if not found:
            return []
        starts = [0, *accumulate(len(line) + 1 for line in low.split("\n"))]
        lines = [bisect_right(starts, at) - 1 for _, at in found]
        return [(number, line, at - starts[line]) for (number, at), line in zip(found, lines, strict=True)]

    def _is_later_part(self, stem: str, text: str, at: int) -> bool:
        """Say whether a part of an identifier that is the term begins at a capital within a word."""
        begins = not text[at - 1].isupper() or text[at + 1 : at + 2].islower()
        return begins and self._is_part(stem, text, at)

    def _is_part(self, stem: str, text: str, at: int) -> bool:
        part = HUMP.match(text, at)
        return part is not None and self._stems[part[0]] == stem
