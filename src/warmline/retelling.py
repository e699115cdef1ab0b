"""Telling a text that may be begun anew: what was told is not told twice, nor contradicted. Pure.

An answer is begun anew when the connection to a model was lost, or another worker takes the place of one that failed.
"""

from __future__ import annotations


class Retelling:
    """Follows one text after the other. What is told, joined, is how one text begins.

    A text that says something else than what was told before it is followed in silence. Takes time linear in the texts.
    """

    def __init__(self) -> None:
        self._told: list[str] = []
        self._before = ""
        self._place = 0
        self._is_silent = False

    @property
    def has_begun(self) -> bool:
        """Whether anything of this text was there."""
        return self._place > 0

    def begin(self) -> None:
        """Begin the text anew."""
        self._before = "".join(self._told)
        self._place = 0
        self._is_silent = False

    def silence(self) -> None:
        """Tell nothing more of this text."""
        self._is_silent = True

    def go_on(self, piece: str) -> str:
        """Return what of the text's next piece is to be told; nothing when all of it was."""
        known = self._before[self._place : self._place + len(piece)]
        self._place += len(piece)
        self._is_silent = self._is_silent or not piece.startswith(known)
        fresh = "" if self._is_silent else piece[len(known) :]
        if fresh:
            self._told.append(fresh)
        return fresh
