"""Who waits now, for an answer, a message or a change; and how all of them are let go at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from warmline.model import ConversationId
from warmline.parties import Credential

Speaker = tuple[ConversationId, str]
"""A participant, by its conversation and name."""


class Waits:
    """The scopes of all waits, and the listeners. Nothing here is durable: a wait can be begun again."""

    def __init__(self) -> None:
        self.is_ending = False
        self._askers: set[asyncio.Timeout] = set()
        self._receivers: dict[asyncio.Timeout, Speaker] = {}
        self._listeners: dict[object, Callable[[], None]] = {}

    def __len__(self) -> int:
        """How many wait now, for whatever it is."""
        return len(self._askers) + len(self._receivers) + len(self._listeners)

    @property
    def receivers(self) -> int:
        """How many wait in `receive` now."""
        return len(self._receivers)

    def receiving(self) -> frozenset[Speaker]:
        """Return the participants that wait in `receive` now."""
        return frozenset(self._receivers.values())

    def add(self, scope: asyncio.Timeout, receiver: Credential | None = None) -> None:
        """Count a wait, whose scope was entered, until it is discarded. receiver: who waits in `receive`."""
        if receiver is None:
            self._askers.add(scope)
        else:
            self._receivers[scope] = (receiver.conversation, receiver.name)

    def discard(self, scope: asyncio.Timeout) -> None:
        """Count it no more. One that was never added is no error."""
        self._askers.discard(scope)
        self._receivers.pop(scope, None)

    @contextmanager
    def listening(self, on_end: Callable[[], None]) -> Iterator[None]:
        """Count a listener while the block lasts; on_end is called once, when all waits end."""
        me = object()
        self._listeners[me] = on_end
        try:
            yield
        finally:
            del self._listeners[me]

    def end(self) -> None:
        """Let every wait return now, and every later one at once."""
        self.is_ending = True
        now = asyncio.get_running_loop().time()
        for scope in (*self._askers, *self._receivers):
            scope.reschedule(now)
        for on_end in tuple(self._listeners.values()):
            on_end()
