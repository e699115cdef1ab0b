"""Waiting for what a store does next, by events: no store polls. For one event loop; no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from warmline.model import ENDED, ConversationId, Due, Kind, Message, MessageId, Question

Key = TypeVar("Key", bound=Hashable)
"""Of a mailbox."""

ToQuestion = Callable[[], Question]
OnEnd = Callable[[ToQuestion | None], None]
"""Called on the event loop with a way to the question that ended, or None when it must be read."""


class Calling:
    """Calls on_end when a question ends, while its block lasts."""

    __slots__ = ("_calls", "_message_id", "_on_end")

    def __init__(self, calls: dict[MessageId, list[OnEnd]], message_id: MessageId, on_end: OnEnd) -> None:
        self._calls = calls
        self._message_id = message_id
        self._on_end = on_end

    def __enter__(self) -> None:
        self._calls.setdefault(self._message_id, []).append(self._on_end)

    def __exit__(self, *_: object) -> None:
        calls = self._calls[self._message_id]
        calls.remove(self._on_end)
        if not calls:
            del self._calls[self._message_id]


class EndWaits:
    """Who waits for which question to end, and which questions are known not to have ended yet."""

    def __init__(self) -> None:
        self._calls: dict[MessageId, list[OnEnd]] = {}
        self._waiting: set[asyncio.Future[Question | None]] = set()
        self._open: dict[MessageId, tuple[ConversationId, str] | None] = {}

    def opened(self, messages: Mapping[MessageId, Message | None]) -> None:
        """Note what was accepted or requeued just now, with the message if it is at hand; in the order of commits."""
        for message_id, message in messages.items():
            is_question = message is not None and message.kind is Kind.QUESTION
            self._open[message_id] = (message.conversation, message.sender) if message and is_question else None

    def asker(self, message_id: MessageId) -> tuple[ConversationId, str] | None:
        """Return who asked a question that is known not to have ended, and where; None when that is not known."""
        return self._open.get(message_id)

    def is_open(self, message_id: MessageId) -> bool:
        """Tell whether a question is known not to have ended; False when nothing is known."""
        return message_id in self._open

    def calling(self, message_id: MessageId, on_end: OnEnd) -> Calling:
        """Call on_end when the question ends, while the block lasts."""
        return Calling(self._calls, message_id, on_end)

    async def wait(self, message_id: MessageId, look: Callable[[], Awaitable[Question]]) -> Question:
        """Wait for the end of a question. look reads it, when it may have ended before or must be read."""
        ended: asyncio.Future[Question | None] = asyncio.get_running_loop().create_future()

        def on_end(to_question: ToQuestion | None) -> None:
            if not ended.done():
                ended.set_result(to_question() if to_question else None)

        self._waiting.add(ended)
        try:
            with self.calling(message_id, on_end):
                if not self.is_open(message_id):
                    question = await look()
                    if question.delivery.state in ENDED:
                        return question
                return await ended or await look()
        finally:
            self._waiting.discard(ended)

    def ended(self, questions: Mapping[MessageId, ToQuestion | None]) -> None:
        """Tell the ends of these questions; they are made only for those who wait."""
        for message_id, to_question in questions.items():
            self._open.pop(message_id, None)
            for on_end in tuple(self._calls.get(message_id, ())):
                on_end(to_question)

    def fail(self, error: Exception) -> None:
        """Give an error to everyone who waits."""
        for ended in self._waiting:
            if not ended.done():
                ended.set_exception(error)


class StirWaits(Generic[Key]):
    """Who waits for something to come to which mailbox."""

    def __init__(self) -> None:
        self._waiting: dict[Key, set[asyncio.Future[None]]] = {}

    async def wait(self, mailbox: Key, known: Due | None, look: Callable[[], Awaitable[Due]]) -> Due:
        """Wait until look finds something that is not what is known already."""
        waiting = self._waiting.setdefault(mailbox, set())
        while True:
            stirred = asyncio.get_running_loop().create_future()
            waiting.add(stirred)  # before it looks: what comes in between is not missed
            try:
                found = await look()
                if found.count and found != known:
                    return found
                await stirred
            finally:
                waiting.discard(stirred)

    def stirred(self, mailboxes: Iterable[Key]) -> None:
        """Tell of these mailboxes."""
        if self._waiting:
            for mailbox in mailboxes:
                for stirred in self._waiting.get(mailbox, ()):
                    if not stirred.done():
                        stirred.set_result(None)

    def fail(self, error: Exception) -> None:
        """Give an error to everyone who waits."""
        for waiting in self._waiting.values():
            for stirred in waiting:
                if not stirred.done():
                    stirred.set_exception(error)


class SoonerWait:
    """The earliest timed event that the sweeper has not been told of."""

    def __init__(self) -> None:
        self._earliest: int | None = None
        self._changed = asyncio.Event()
        self._error: Exception | None = None

    def reset(self) -> None:
        """Forget: a sweep begins, and will find all events that are known now."""
        self._earliest = None

    def earliest(self, at: int | None) -> int | None:
        """Return `at`, or an event that was noted since the sweep began and is earlier."""
        known = [event for event in (at, self._earliest) if event is not None]
        return min(known, default=None)

    def event_at(self, at: int) -> None:
        """Note an event."""
        if self._earliest is None or at < self._earliest:
            self._earliest = at
            self._changed.set()

    async def wait(self, than: int | None) -> int:
        """Wait until an event before `than` is noted (None: any); return its time."""
        while self._earliest is None or (than is not None and self._earliest >= than):
            self._changed.clear()
            await self._changed.wait()
            if self._error is not None:
                raise self._error
        return self._earliest

    def fail(self, error: Exception) -> None:
        """Give an error to whoever waits."""
        self._error = error
        self._changed.set()
