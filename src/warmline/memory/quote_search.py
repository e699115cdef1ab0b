"""Where in a file may a quote stand that was moved, retyped or edited? Pure; reads closely only where it may.

The quote's rarest words vote: each place where one of them stands says where the quote would then
begin, and the places that most of them agree on are worth a closer look. It costs a few searches
for a word, whatever the quote holds. What it does not know: a quote made of nothing but common
words may be missed, and is then called unsupported, never anything better.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

from warmline.memory.quotes import MIN_PIECE_CHARACTERS, Flow, Span

CLOSE_SCORE = 87.0
"""Of 100 for the same words: edits of a sentence lie above, sentences that only sound alike below."""

MAX_CLOSE_CHARACTERS = 10_000
"""A longer quote is not compared for closeness: the comparison grows with its square."""

MAX_PLACES = 8
"""Looked at closely: four words that vote can name few good places, and each costs its reading."""

# A pair is rarer than its words by far, but is not found where the text breaks a line within it.
# A long word is cut, so that an edit in a text without spaces spoils only a part of it.
_PAIR = re.compile(r"[^\W_]{2,8} [^\W_]{1,6}")
_WORD = re.compile(r"[^\W_]{2,8}")
_SEARCHED_WORDS = 6
_VOTING_WORDS = 4
_MAX_PLACES_OF_A_WORD = 1000

_MIN_STRIDE_BYTES = 256
_ELIDED_BYTES = 2000
"""About a page: what ellipses may leave out of a quote that does not stand where it was claimed."""

_MIN_BLOCK_CHARACTERS = 4
"""A common run that is shorter is chance."""


def windows(lowered: bytes, quote: str, claimed_start: int) -> list[tuple[int, int]]:
    """Return the byte ranges where the quote may stand, the most promising first.

    lowered is the file's text with its ASCII letters in lower case. The last range is where the
    quote was claimed to begin. A range may end beyond the text, or cut a character.
    """
    length = len(quote.encode())
    stride = max(_MIN_STRIDE_BYTES, length // 8)
    elided = _ELIDED_BYTES if "..." in quote or "…" in quote else 0
    before, after = length // 4 + elided, stride + length + length // 4 + elided
    starts = [*_elected(lowered, quote, stride, claimed_start), claimed_start]
    return [(max(0, start - before), start + after) for start in starts]


def closest(flow: Flow, quote: str) -> tuple[float, Span] | None:
    """Return how close the flow comes to a loosely read quote, 0 to 100, and the lines where it does.

    None when there is nothing to compare, or when it would take too long.
    """
    if not MIN_PIECE_CHARACTERS <= len(quote) <= MAX_CLOSE_CHARACTERS:
        return None
    anchor = max(Indel.opcodes(quote, flow.text).as_matching_blocks(), key=lambda block: block.size)
    slack = len(quote) // 8
    low = max(0, anchor.b - anchor.a - slack)
    run = flow.text[low : low + len(quote) + 2 * slack]
    blocks = [b for b in Indel.opcodes(quote, run).as_matching_blocks() if b.size >= _MIN_BLOCK_CHARACTERS]
    if not blocks:
        return None
    start, end = low + blocks[0].b, low + blocks[-1].b + blocks[-1].size
    return fuzz.ratio(quote, flow.text[start:end]), flow.span(start, end)


def _elected(lowered: bytes, quote: str, stride: int, claimed_start: int) -> list[int]:
    """Return where the quote begins by the most votes, in bytes, to within one stride after each."""
    voting = _rarest(lowered, quote, _PAIR)
    if len(voting) < _VOTING_WORDS:
        voting += _rarest(lowered, quote, _WORD)
    voters: dict[int, set[int]] = defaultdict(set)
    for offset, places in voting[:_VOTING_WORDS]:
        for place in places:
            voters[max(0, place - offset) // stride].add(offset)
    # A quote that begins near the border of two strides has voters in both.
    votes = {at: len(those | voters.get(at + 1, set())) for at, those in voters.items()}
    best = sorted(votes, key=lambda at: (-votes[at], abs(at * stride - claimed_start), at))
    return [at * stride for at in best[:MAX_PLACES]]


def _rarest(lowered: bytes, quote: str, words: re.Pattern[str]) -> list[tuple[int, list[int]]]:
    """Return the byte offsets of the rarest words within the quote, each with its places in the file."""
    found = [
        (len(quote[:start].encode()), list(islice(_places(lowered, word), _MAX_PLACES_OF_A_WORD)))
        for start, word in _longest(quote, words)
    ]
    return sorted((word for word in found if word[1]), key=lambda word: len(word[1]))[:_VOTING_WORDS]


def _longest(quote: str, words: re.Pattern[str]) -> list[tuple[int, bytes]]:
    """Return some of the longest words with their offsets in characters, from all over the quote."""
    first: dict[bytes, int] = {}
    for match in words.finditer(quote):
        first.setdefault(match[0].encode().lower(), match.start())
    longest = sorted(first, key=lambda word: (-len(word), first[word]))[: 4 * _SEARCHED_WORDS]
    step = max(1, len(longest) // _SEARCHED_WORDS)
    return [(first[word], word) for word in longest[::step][:_SEARCHED_WORDS]]


def _places(text: bytes, word: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))
