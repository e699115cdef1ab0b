"""Redaction: secrets are found by what they look like, and masked before anything is stored, logged or shown."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

INLINE_CHARACTERS = 8 * 1024
"""What is not longer is looked through at once, in less time than a change of threads takes."""

_PATTERNS = {
    "aws-access-key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "github-token": r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b",
}
_ANY = re.compile("|".join(f"(?P<{kind.replace('-', '_')}>{pattern})" for kind, pattern in _PATTERNS.items()))


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
    """Return what looks like a secret, in order; none overlaps another."""
    return [
        Finding((found.lastgroup or "").replace("_", "-"), found.start(), found.end()) for found in _ANY.finditer(text)
    ]


def redact(text: str) -> Redacted:
    """Mask secrets as `[redacted aws-access-key]`. What was masked is not masked again."""
    findings = find_secrets(text)
    if not findings:
        return Redacted(text)
    pieces, at = [], 0
    for kind, start, end in findings:
        pieces += [text[at:start], f"[redacted {kind}]"]
        at = end
    return Redacted("".join((*pieces, text[at:])), tuple(dict.fromkeys(kind for kind, _, _ in findings)))


async def redact_aside(text: str) -> Redacted:
    """Do as `redact`, and on another thread when the text is long, so that nobody waits for it."""
    return redact(text) if len(text) <= INLINE_CHARACTERS else await asyncio.to_thread(redact, text)
