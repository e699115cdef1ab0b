"""The embedded answerer: the best passages, word for word. No model, no key, no network, no state.

It does not understand the question. What it adds to recall is a choice: of the passages that recall
ranked best, those that hold most of the question's words in the least text, the most telling first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from warmline.agents import EMBEDDED
from warmline.model import Claim, Draft, Message, Outcome, Passage, Recollection
from warmline.protocols import Said, unheard

MAX_CLAIMS = 4
"""A reader looks at a few quotes; who wants all of them searches the memory."""

MAX_ANSWER_BYTES = 10_000
"""Of UTF-8 in all quotes together: some clients cut a tool's result at 12,000 characters."""

MAX_CHOICES = 12
"""Passages looked at: below these ranks stands hardly any answer that is not above."""

MIN_WORTH = 0.5
"""Of the best passage's worth: a quote that is worth less makes the answer longer, not better."""

_LONG_CHARACTERS = 600
"""A passage of this length must be twice as good as a very short one."""

_ROOT_CHARACTERS = 5
"""A word counts by its first letters, so that `listens` meets `listening` without a stemmer."""

_WORD = re.compile(r"\w{3,}")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "and any are but can could did does for from had has have her his how its not our out she should than that the "
        "their them then there these they this was were what when where which who whom whose why will with would you"
    )
)
_READ_CHARACTERS = 10_000
"""Of a question or a passage, weighed: a megabyte would take longer to weigh than to answer."""

INSUFFICIENT = (
    "The memory does not seem to hold an answer to this. Ask again in words that the answer would use, "
    "or add the files that hold it: warmline memory add PATH"
)


class ExtractiveAnswerer:
    """Quotes passages; satisfies protocols.Answerer. The same input gives the same draft, in under a millisecond.

    A recollection whose confidence is below min_confidence, or that holds no word, is answered with
    INSUFFICIENT_EVIDENCE, a text that says what to do, and no claims. Otherwise the draft has one to
    MAX_CLAIMS claims, no two of which share a line or a text, and its text is None: the quotes that
    are verified. Never raises.
    """

    name = EMBEDDED

    def __init__(self, min_confidence: float) -> None:
        self._min_confidence = min_confidence

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        """Choose the passages to quote."""
        if recollection.confidence >= self._min_confidence:
            claims = tuple(_within_limits(_ranked(question.body, recollection.passages[:MAX_CHOICES])))
            if claims:
                return Draft(Outcome.ANSWERED, None, claims)
        return Draft(Outcome.INSUFFICIENT_EVIDENCE, INSUFFICIENT)


def _ranked(question: str, passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages worth quoting, the most telling first; equals keep recall's order."""
    wanted = _roots(question)
    worth = {
        rank: _worth(wanted, passage, rank)
        for rank, passage in enumerate(passages)
        if any(map(str.isalnum, passage.text))
    }
    enough = MIN_WORTH * max(worth.values(), default=0.0)
    best = sorted((rank for rank in worth if worth[rank] >= enough), key=lambda rank: -worth[rank])
    return [passages[rank] for rank in best]


def _worth(wanted: frozenset[str], passage: Passage, rank: int) -> float:
    """Weigh a passage: how much of the question it holds, how little it takes to read, how recall ranked it."""
    covered = len(wanted & _roots(passage.text)) / max(1, len(wanted))
    return (0.5 + covered) / (1 + len(passage.text) / _LONG_CHARACTERS) / (1 + rank / MAX_CHOICES)


def _roots(text: str) -> frozenset[str]:
    words = (match[0] for match in _WORD.finditer(text[:_READ_CHARACTERS].casefold()))
    return frozenset(word[:_ROOT_CHARACTERS] for word in words if word not in _STOP_WORDS)


def _within_limits(passages: Sequence[Passage]) -> Iterator[Claim]:
    """Yield claims until one of the limits is reached; what was quoted already is not quoted again."""
    room = MAX_ANSWER_BYTES
    quoted: list[Claim] = []
    for passage in passages:
        claim = _cut(passage, room)
        if claim is None or any(_overlap(claim, other) for other in quoted):
            continue
        quoted.append(claim)
        room -= len(claim.quote.encode())
        yield claim
        if len(quoted) == MAX_CLAIMS:
            return


def _overlap(one: Claim, other: Claim) -> bool:
    """Tell whether two claims share a line or a text."""
    lines = one.first_line <= other.last_line and other.first_line <= one.last_line
    return (one.path == other.path and lines) or one.quote == other.quote


def _cut(passage: Passage, room: int) -> Claim | None:
    """Return the passage as a claim of at most so many bytes: whole lines, or the beginning of one line."""
    if len(passage.text.encode()) <= room:
        return Claim(passage.path, passage.first_line, passage.last_line, passage.text)
    beginning = passage.text.encode()[:room].decode(errors="ignore")
    quote = beginning.rpartition("\n")[0].rstrip("\n") or beginning
    if not any(map(str.isalnum, quote)):
        return None
    return Claim(passage.path, passage.first_line, passage.first_line + quote.count("\n"), quote)
