"""Masking of a text that is still being written: a piece is shown once nothing that may follow can make it a secret."""

from __future__ import annotations

from warmline.security.redaction import INLINE_CHARACTERS, find_settled, masked

CONTEXT_CHARACTERS = 16
"""Of what was shown, kept: rules look this far back to see where a token may begin."""


class MaskedStream:
    """Takes the pieces of one text, cut anywhere. What it returns, joined, is how `redact` would mask it, or less.

    Of a text in which much cannot be settled (INLINE_CHARACTERS: a key whose end does not come), it returns nothing
    more. So its cost is bounded, and what it keeps.
    """

    def __init__(self) -> None:
        self._text = ""
        self._start = 0
        self._is_silent = False

    def more(self, piece: str) -> str:
        """Return what can be shown now."""
        parts = range(0, len(piece), INLINE_CHARACTERS)
        return "".join(self._settle(piece[at : at + INLINE_CHARACTERS]) for at in parts)

    def _settle(self, piece: str) -> str:
        if self._is_silent:
            return ""
        text, start = self._text + piece, self._start
        findings, end = find_settled(text, start)
        apart = [each._replace(start=each.start - start, end=each.end - start) for each in findings]
        kept = max(0, end - CONTEXT_CHARACTERS)
        self._text, self._start = text[kept:], end - kept
        if len(self._text) > INLINE_CHARACTERS:
            self._text, self._is_silent = "", True
        return masked(text[start:end], apart)
