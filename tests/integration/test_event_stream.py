"""The frames of a stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from warmline.errors import UnauthorizedError
from warmline.interfaces.events import Changes, Event, event_stream
from warmline.interfaces.views.questions import CountView

SOME = Event("count", CountView(count=1), "7")
FRAMED = b'event: count\ndata: {"count":1}\nid: 7\n\n'


async def steps(*some: Event | None) -> AsyncIterator[Event | None]:
    for each in some:
        yield each


async def sent(*some: Event | None, good_for: int = 100) -> list[bytes]:
    """Return what is sent to a listener whose credential is good for so many looks."""
    left = iter(range(good_for))

    def check() -> None:
        if next(left, None) is None:
            raise UnauthorizedError("revoked")

    return [
        bytes(piece) async for piece in event_stream(steps(*some), check).body_iterator if not isinstance(piece, str)
    ]


async def test_a_stream_says_first_when_to_come_back() -> None:
    assert await sent() == [b"retry: 1000\n\n"]


async def test_an_event_is_framed_with_its_name_data_and_id() -> None:
    assert (await sent(SOME))[1:] == [FRAMED]


async def test_a_quiet_moment_is_a_comment() -> None:
    (comment,) = (await sent(None))[1:]
    assert comment.startswith(b":")
    assert comment.endswith(b"\n\n")
    assert comment.count(b"\n") == 2


async def test_nothing_is_sent_once_the_credential_is_good_no_more() -> None:
    assert (await sent(SOME, SOME, None, good_for=1))[1:] == [FRAMED]


async def test_a_change_is_told_once_and_none_is_told_after_patience() -> None:
    changes = Changes()
    changes.note()
    changes.note()
    assert await changes.within(5)
    assert not await changes.within(0)
