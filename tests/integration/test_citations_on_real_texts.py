"""Citations of conversations, papers and articles as they are, when the shared texts are at hand."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmline.memory.citations import CitedFile
from warmline.model import CitationStatus, Claim

SHARED = Path(os.environ.get("WARMLINE_SHARED") or Path(__file__).parents[2].parent / "shared") / "data" / "recall"
TEXTS = sorted(SHARED.glob("*/files/*"))

pytestmark = pytest.mark.skipif(not TEXTS, reason=f"no shared texts in {SHARED}: set WARMLINE_SHARED")

QUOTES = 300


def long_lines(path: Path) -> list[tuple[int, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [(number, line) for number, line in enumerate(lines, 1) if 60 <= len(line) <= 600]


def some_lines(seed: int) -> Iterator[tuple[Path, int, str]]:
    """Yield lines of 60 to 600 characters from all over the shared texts."""
    chance = random.Random(seed)
    for _ in range(QUOTES):
        path = chance.choice(TEXTS)
        if found := long_lines(path):
            yield path, *chance.choice(found)


def check(path: Path, line: int, quote: str) -> tuple[CitationStatus, str]:
    file = CitedFile(path.read_bytes())
    citation = file.check(Claim("any", line, line, quote))
    there = path.read_text(encoding="utf-8").split("\n")[citation.first_line - 1 : citation.last_line]
    return citation.status, "\n".join(there)


def test_no_foreign_quote_is_accepted() -> None:
    chance = random.Random(1)
    accepted = []
    for source, line, quote in some_lines(1):
        other = chance.choice([text for text in TEXTS if text.parent != source.parent])
        if check(other, line, quote)[0] is not CitationStatus.UNSUPPORTED:
            accepted.append((other, quote))
    assert accepted == []


def test_every_true_quote_is_verified() -> None:
    for path, line, quote in some_lines(2):
        assert check(path, line, quote) == (CitationStatus.VERIFIED, quote)


def test_every_moved_quote_is_found_exactly_or_retyped() -> None:
    for path, line, quote in some_lines(3):
        assert check(path, line + 40, quote) == (CitationStatus.MOVED, quote)
        assert check(path, line + 40, quote.upper()) == (CitationStatus.MOVED, quote)


def test_nearly_every_quote_with_one_word_edited_is_changed_and_none_is_verified() -> None:
    changed = []
    for path, line, quote in some_lines(4):
        words = quote.split(" ")
        words[len(words) // 2] = "edited"
        changed.append(check(path, line + 40, " ".join(words)) == (CitationStatus.CHANGED, quote))
    assert sum(changed) >= 0.95 * len(changed)
