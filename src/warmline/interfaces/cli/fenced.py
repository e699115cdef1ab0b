"""Printing what others said: in blocks that no text can leave, since a model may read along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warmline.interfaces.cli.output import BOLD, DIM, local_time, paint
from warmline.interfaces.fencing import fenced_answer, fenced_message, fenced_passage
from warmline.security.fence import Fence, Trust, What


class Reading:
    """One command's output as one prompt: the preamble comes with the first block. A person sees it coloured."""

    def __init__(self) -> None:
        self._fence = Fence()
        self._is_begun = False

    def message(self, said: Mapping[str, Any]) -> None:
        """Print a message, and what an answer cites."""
        times = {name: said[name] and local_time(said[name]) for name in ("sent_at", "erased_at")}
        self._print(fenced_message(self._fence, {**said, **times}))

    def status(self, participant: Mapping[str, Any]) -> None:
        """Print what a participant says about itself; an old bridge's may have come along, so nobody vouches for it."""
        name, said_at = participant["name"], local_time(participant["status_at"])
        self._print(
            self._fence.block(
                What.MESSAGE,
                participant["status"],
                trust=Trust.UNKNOWN,
                speaker=name,
                kind="status",
                sent=said_at,
            )
        )

    def answer(self, answer: Mapping[str, Any]) -> None:
        """Print an answer that is there, and what it cites."""
        self._print(fenced_answer(self._fence, answer))

    def passage(self, passage: Mapping[str, Any]) -> None:
        """Print lines of the memory."""
        self._print(fenced_passage(self._fence, passage))

    def _print(self, block: str) -> None:
        if not self._is_begun:
            print(paint(self._fence.preamble(), DIM))
            self._is_begun = True
        print("\n".join(map(_painted, block.split("\n"))))


def _painted(line: str) -> str:
    if line.startswith("|"):
        return line
    return paint(line, DIM if line.startswith("</") else BOLD)
