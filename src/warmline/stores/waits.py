"""Waiting for what a store does next, by events: no store polls. For one event loop; no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from warmline.model import MessageId, Question

Ended = asyncio.Future[Question | None]


class EndWaits:
    """Who waits for which question to end, and which questions are known not to have ended yet."""

    def __init__(self) -> None:
        self._watchers: dict[MessageId, list[Ended]] = {}
        self._calls: dict[MessageId, list[Callable[[], None]]] = {}
        self._open: set[MessageId] = set()

    def opened(self, message_ids: Sequence[MessageId]) -> None:
        """Note questions that were accepted or requeued just now; call in the order of commits."""
        self._open.update(message_ids)

    def is_open(self, message_id: MessageId) -> bool:
        """Tell whether a question is known not to have ended; False when nothing is known."""
        return message_id in self._open

    @contextmanager
    def watch(self, message_id: MessageId) -> Iterator[Ended]:
        """Yield a future of the question's end; of None when the question must be read."""
        ended: Ended = asyncio.get_running_loop().create_future()
        watchers = self._watchers.setdefault(message_id, [])
        watchers.append(ended)
        try:
            yield ended
        finally:
            watchers.remove(ended)
            if not watchers and self._watchers.get(message_id) is watchers:
                del self._watchers[message_id]
            ended.cancel()

    @contextmanager
    def calling(self, message_id: MessageId, on_end: Callable[[], None]) -> Iterator[None]:
        """Call on_end when the question ends, while the block lasts."""
        calls = self._calls.setdefault(message_id, [])
        calls.append(on_end)
        try:
            yield
        finally:
            calls.remove(on_end)
            if not calls and self._calls.get(message_id) is calls:
                del self._calls[message_id]

    def ended(self, questions: Mapping[MessageId, Question | None]) -> None:
        """Tell the ends of these questions."""
        for message_id, question in questions.items():
            self._open.discard(message_id)
            for ended in self._watchers.get(message_id, ()):
                if not ended.done():
                    ended.set_result(question)
            for on_end in tuple(self._calls.get(message_id, ())):
                on_end()

    def fail(self, error: Exception) -> None:
        """Give an error to everyone who waits."""
        for watchers in self._watchers.values():
            for ended in watchers:
                if not ended.done():
                    ended.set_exception(error)


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
