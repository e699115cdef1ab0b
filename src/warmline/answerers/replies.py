"""From a model's reply to a draft: its text, and what it cites as claims that are still to be checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warmline.answerers.extractive import INSUFFICIENT
from warmline.answerers.reading import LINE_END, Reading
from warmline.errors import AnswererError
from warmline.model import Claim, Draft, Outcome
from warmline.places import place
from warmline.security.fence import quoted


def draft_of(reply: str, usage: Mapping[str, int] | None = None) -> Draft:
    """Read a whole reply. Lines of nothing but citations leave the text; of nothing but these, it is None.

    One that says that the answer is not in the memory has no claims. Raises AnswererError for one that says nothing.
    """
    pieces: list[str] = []
    reading = Reading(pieces.append)
    *lines, last = LINE_END.split(reply)
    for line in lines:
        reading.read(line)
    reading.read(last, is_last=True)
    text, used = "".join(pieces), dict(usage or {})
    claims = _worth_checking(reading.claims)
    has_quotes = any(claim.quote for claim in claims)
    if reading.is_absent or (reading.is_absent_after_all and not has_quotes):
        return Draft(Outcome.INSUFFICIENT_EVIDENCE, text or INSUFFICIENT, usage=used)
    if not text and not claims:
        raise AnswererError("the model said nothing")
    if not text and not has_quotes:
        text = "\n".join(place(quoted(each.path)[1:-1], each.first_line, each.last_line) for each in claims)
    return Draft(Outcome.ANSWERED, text or None, claims, used)


def _worth_checking(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return each claim once, and of those without a quote only what no other covers."""
    different = list(dict.fromkeys(claims))
    with_quotes = [claim for claim in different if claim.quote]
    return tuple(claim for claim in different if claim.quote or not any(_covers(each, claim) for each in with_quotes))


def _covers(quoting: Claim, other: Claim) -> bool:
    is_within = quoting.first_line <= other.first_line and other.last_line <= quoting.last_line
    return quoting.path == other.path and is_within
