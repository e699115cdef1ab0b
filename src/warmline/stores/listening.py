"""Who listens to which conversation. For one event loop; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from warmline.model import ConversationId

OnChange = Callable[[], None]


class Listeners:
    """Calls those who listen to a conversation when it changed. They must not raise."""

    def __init__(self) -> None:
        self._calls: dict[ConversationId, list[OnChange]] = {}

    @contextmanager
    def calling(self, conversation: ConversationId, on_change: OnChange) -> Iterator[None]:
        """Call on_change when the conversation changed, while the block lasts."""
        calls = self._calls.setdefault(conversation, [])
        calls.append(on_change)
        try:
            yield
        finally:
            calls.remove(on_change)
            if not calls:
                del self._calls[conversation]

    def all_changed(self) -> None:
        """Tell of every conversation that somebody listens to."""
        self.changed(tuple(self._calls))

    def changed(self, conversations: Iterable[ConversationId]) -> None:
        """Tell of these conversations, each named once."""
        if self._calls:
            for conversation in conversations:
                for on_change in tuple(self._calls.get(conversation, ())):
                    on_change()
