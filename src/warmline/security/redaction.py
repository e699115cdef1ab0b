"""Redaction: secrets are found by what they look like, and masked before anything is stored, logged or shown.

One pass of an automaton finds the literals that call rules, without the interpreter's lock; a rule then looks at a
bounded stretch. So the time is linear in the text, whatever stands in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

    from warmline.security.secret_rule import Rule

INLINE_CHARACTERS = 8 * 1024
"""What is not longer is looked through at once, in less time than a change of threads takes."""

WINDOW_CHARACTERS = 16 * 1024
"""Of a long text looked through for literals at a time: listing what is found holds the interpreter's lock."""

_CAPITALS = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


_Call = tuple[int, int, int]
"""A literal's number, and from which character to which it stands, the last not included."""


class Finding(NamedTuple):
    """What looks like a secret: its kind, and from which character to which, the last not included."""

    kind: str
    start: int
    end: int


class Redacted(NamedTuple):
    """A text without its secrets, and the kinds of what was masked, in order, each once."""

    text: str
    kinds: tuple[str, ...] = ()


def find_secrets(text: str) -> list[Finding]:
    """Return what looks like a secret, in order; none overlaps another. Any text will do, and none raises."""
    calls = _calls(text)
    return list(_joined(_found(text, calls))) if calls else []


def redact(text: str) -> Redacted:
    """Mask secrets as `[redacted aws-access-key]`. What was masked is not masked again."""
    findings = find_secrets(text)
    if not findings:
        return Redacted(text)
    return Redacted(masked(text, findings), tuple(dict.fromkeys(each.kind for each in findings)))


def find_settled(text: str, start: int) -> tuple[list[Finding], int]:
    """Of a text that goes on, return how far it is settled, and the findings from `start` up to there.

    Whatever follows, `find_secrets` finds the same in what is settled. A finding is in it whole, with the literal that
    called its rule. Nothing may be found across `start`: it is 0, or how far the text was settled before.
    """
    calls = [call for call in _calls(text) if call[1] >= start]
    settled = max(start, min(_open_from(text, calls), len(text) - _begun(text)))
    found = _found(text, calls)
    for each in sorted(found, key=_begins, reverse=True):
        if _begins(each) < settled < each.end:
            settled = _begins(each)
    return list(_joined(each for each in found if each.end <= settled)), settled


def masked(text: str, findings: Sequence[Finding]) -> str:
    """Return the text with `mask(kind)` in the place of each finding."""
    if not findings:
        return text
    pieces, at = [], 0
    for kind, start, end in findings:
        pieces += [text[at:start], mask(kind)]
        at = end
    return "".join((*pieces, text[at:]))


def mask(kind: str) -> str:
    """Return what stands in a secret's place."""
    return f"[redacted {kind}]"


async def redact_aside(text: str) -> Redacted:
    """Do as `redact`, and on another thread when the text is long, so that nobody waits for it."""
    return redact(text) if len(text) <= INLINE_CHARACTERS else await asyncio.to_thread(redact, text)


class _Rules(NamedTuple):
    """An automaton over all literals, and for each the rules that it calls, by rank: the lower, the more telling.

    begun maps what a literal begins with, be it nothing, to how many characters before its end a secret may then begin.
    """

    automaton: BytesAhoCorasick
    called: list[list[tuple[int, Rule]]]
    longest_literal: int
    begun: dict[str, int]


class _Caught(NamedTuple):
    """A finding before overlapping ones are joined. called_at is where the literal stands that called its rule."""

    start: int
    end: int
    rank: int
    kind: str
    called_at: int


@cache
def _rules() -> _Rules:
    """Made at the first text: a program that looks at none pays nothing."""
    from ahocorasick_rs import BytesAhoCorasick, Implementation  # noqa: PLC0415

    from warmline.security.issued_rules import ISSUED_RULES  # noqa: PLC0415
    from warmline.security.placed_rules import PLACED_RULES  # noqa: PLC0415

    called: dict[str, list[tuple[int, Rule]]] = {}
    for rank, rule in enumerate((*ISSUED_RULES, *PLACED_RULES)):
        for literal in rule.calls:
            called.setdefault(literal, []).append((rank, rule))
    return _Rules(
        BytesAhoCorasick([literal.encode("ascii") for literal in called], implementation=Implementation.DFA),
        list(called.values()),
        max(map(len, called)),
        _beginnings(called),
    )


def _beginnings(called: Mapping[str, Sequence[tuple[int, Rule]]]) -> dict[str, int]:
    begun: dict[str, int] = {}
    for literal, rules in called.items():
        before = max(max(rule.before) for _, rule in rules)
        for length in range(len(literal)):
            begun[literal[:length]] = max(begun.get(literal[:length], 0), length + before)
    return begun


def _calls(text: str) -> list[_Call]:
    """Return which literal stands where, in any case."""
    lowered = text.lower()
    if len(lowered) != len(text):  # of all letters only U+0130 grows: then ASCII alone is made small
        lowered = text.translate(_CAPITALS)
    if len(lowered) <= WINDOW_CHARACTERS:
        return _literals(lowered)
    overlap = _rules().longest_literal - 1
    return [
        (literal, at + start, at + end)
        for at in range(0, len(lowered), WINDOW_CHARACTERS)
        for literal, start, end in _literals(lowered[at : at + WINDOW_CHARACTERS + overlap])
        if start < WINDOW_CHARACTERS
    ]


def _literals(lowered: str) -> list[_Call]:
    """Return the literals of a text: they are ASCII, so each other character may stand as one byte."""
    return _rules().automaton.find_matches_as_indexes(lowered.encode("ascii", "replace"), overlapping=True)


def _found(text: str, calls: Sequence[_Call]) -> list[_Caught]:
    """Ask each rule that is called; not again for what stands inside a secret that it found itself."""
    called = _rules().called
    found: list[_Caught] = []
    spans: dict[int, tuple[int, int]] = {}
    for literal, at, _ in calls:
        for rank, rule in called[literal]:
            if rank in spans and spans[rank][0] <= at < spans[rank][1]:
                continue
            span = rule.find(text, at)
            if span is not None and span[0] < span[1]:
                spans[rank] = span
                found.append(_Caught(*span, rank, rule.kind, at))
    return sorted(found)


def _open_from(text: str, calls: Sequence[_Call]) -> int:
    """Return where the first finding could begin that what follows may still bring, or change."""
    called = _rules().called
    return min(
        (
            at - max(rule.before)
            for literal, at, _ in calls
            for _, rule in called[literal]
            if not rule.is_settled(text, at)
        ),
        default=len(text),
    )


def _begun(text: str) -> int:
    """Return how many characters before the text's end a secret could begin whose literal is not whole yet."""
    begun, longest = _rules().begun, _rules().longest_literal
    tail = "".join(map(_small, text[max(0, len(text) - longest) :]))
    return max(begun.get(tail[at:], 0) for at in range(len(tail) + 1))


def _small(character: str) -> str:
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def _begins(caught: _Caught) -> int:
    return min(caught.start, caught.called_at)


def _joined(found: Iterable[_Caught]) -> Iterator[Finding]:
    """Join what overlaps: it is of the kind of the most telling rule."""
    last: _Caught | None = None
    for each in found:
        if last is None or each.start >= last.end:
            if last is not None:
                yield Finding(last.kind, last.start, last.end)
            last = each
        else:
            best = min(last, each, key=lambda caught: caught.rank)
            last = best._replace(start=last.start, end=max(last.end, each.end))
    if last is not None:
        yield Finding(last.kind, last.start, last.end)
