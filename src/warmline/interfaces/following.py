"""What a follower of a conversation has been shown, and what is news to it. Knows no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from warmline.model import ENDED, Delivery, Post

WINDOW = 100
"""Messages whose receipts are followed: those shown last."""

PAGE = 2 * WINDOW
"""Messages in one look: more than the window, so that each look gets on."""


class Following:
    """One follower's place in a conversation."""

    def __init__(self, after: int) -> None:
        self._after = after
        self._open: dict[int, tuple[Delivery, ...]] = {}
        self._shown: list[int] = []

    @property
    def start(self) -> int:
        """The number after which to look: before the first message that can still change, if there is one."""
        return min(self._open) - 1 if self._open else self._after

    def news(self, page: Sequence[Post]) -> Iterator[tuple[str, Post]]:
        """Tell what of a page is news: ("message", post), or ("receipt", post) for one shown before.

        page holds what stands after `start`, in the order of acceptance.
        """
        for post in page:
            if post.number > self._after:
                self._after = post.number
                self._note_shown(post)
                yield "message", post
            elif self._open.get(post.number, post.deliveries) != post.deliveries:
                self._note(post)
                yield "receipt", post

    def _note_shown(self, post: Post) -> None:
        self._shown.append(post.number)
        self._note(post)
        if len(self._shown) > WINDOW:
            self._open.pop(self._shown.pop(0), None)

    def _note(self, post: Post) -> None:
        if all(delivery.state in ENDED for delivery in post.deliveries):
            self._open.pop(post.number, None)
        else:
            self._open[post.number] = post.deliveries
