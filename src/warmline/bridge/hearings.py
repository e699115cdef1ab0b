"""Hearings: what is said of answers while they are written, and who listens. Nothing of it is durable.

It is a hint: whoever misses some of it has lost nothing, since the answer brings all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from warmline.model import MessageId
from warmline.protocols import Speech


@dataclass(frozen=True, slots=True)
class Said:
    """More of an answer that is being written, of this hand-over of the question; offset characters came before it."""

    delivery: int
    offset: int
    text: str


class Hearing:
    """One listener's place in what is said of the answer to one question. It holds none of it."""

    def __init__(self, speeches: Mapping[MessageId, Speech], question: MessageId) -> None:
        self._speeches = speeches
        self._question = question
        self._speech: Speech | None = None
        self._pieces = 0
        self._characters = 0

    def more(self) -> Said | None:
        """Return what was said since the last call, in one piece; None when nothing was.

        The first time, it is all that was said before. Another hand-over begins anew.
        """
        speech = self._speeches.get(self._question)
        if speech is None:
            return None
        if speech is not self._speech:
            self._speech, self._pieces, self._characters = speech, 0, 0
        pieces = speech.since(self._pieces)
        if not pieces:
            return None
        said = Said(speech.delivery, self._characters, "".join(pieces))
        self._pieces += len(pieces)
        self._characters += len(said.text)
        return said


class Hearings:
    """The answers that are being written now, and their listeners: both gone with the hand-over, or the listener."""

    def __init__(self) -> None:
        self._speeches: dict[MessageId, Speech] = {}
        self._listeners: dict[MessageId, dict[Hearing, Callable[[], None]]] = {}

    def heard(self, speech: Speech) -> None:
        """Satisfies protocols.Heard. A hand-over whose lease was lost says nothing more once the next one speaks."""
        last = self._speeches.get(speech.question, speech)
        if last.delivery > speech.delivery:
            return
        if speech.is_over:
            self._speeches.pop(speech.question, None)
            return
        self._speeches[speech.question] = speech
        for on_more in self._listeners.get(speech.question, {}).values():
            on_more()

    @contextmanager
    def listening(self, question: MessageId, on_more: Callable[[], None]) -> Iterator[Hearing]:
        """Call on_more on the event loop whenever more may have been said, while the block lasts."""
        hearing = Hearing(self._speeches, question)
        listeners = self._listeners.setdefault(question, {})
        listeners[hearing] = on_more
        try:
            yield hearing
        finally:
            del listeners[hearing]
            if not listeners:
                self._listeners.pop(question, None)
