"""What was said of an answer that was then begun anew: it is not said twice, nor contradicted."""

from __future__ import annotations

from warmline.protocols import Said


class Heard:
    """Passes on the pieces of one try after the other, as long as they join to one text.

    A try that says something else than one before it is not heard: the pieces that were stay a part of what was.
    """

    def __init__(self, said: Said) -> None:
        self._said = said
        self._heard = ""
        self._text = ""

    def again(self) -> None:
        """The answer begins anew."""
        self._text = ""

    def __call__(self, piece: str) -> None:
        """Hear the next piece of this try."""
        self._text += piece
        if len(self._text) > len(self._heard) and self._text.startswith(self._heard):
            new = self._text[len(self._heard) :]
            self._heard = self._text
            self._said(new)
