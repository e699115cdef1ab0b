"""Who reads is waited for, however slowly; who does not is not."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta

import pytest

from warmline.listen.patience import Unread, has_left


@pytest.fixture
def unread() -> Unread:
    return Unread(timedelta(seconds=20))


def test_a_peer_that_takes_nothing_in_is_left_after_the_patience(unread: Unread) -> None:
    assert not unread.is_left(0, 1000, 1000)
    assert not unread.is_left(20, 1000, 1000)
    assert unread.is_left(21, 1000, 1000)


def test_a_peer_that_keeps_reading_is_never_left_though_as_much_waits_as_before(unread: Unread) -> None:
    assert not any(unread.is_left(10 * turn, 1000 + 200 * turn, 1000) for turn in range(100))


def test_a_peer_that_takes_in_too_little_is_left(unread: Unread) -> None:
    answers = [unread.is_left(10 * turn, 100_000, 100_000 - turn) for turn in range(4)]
    assert answers == [False, False, False, True]


def test_patience_begins_anew_when_nothing_waits(unread: Unread) -> None:
    unread.is_left(0, 1000, 1000)
    unread.is_left(19, 1000, 0)
    assert not unread.is_left(25, 2000, 1000)
    assert not unread.is_left(45, 2000, 1000)


class OnSocket(asyncio.BaseTransport):
    """As much of a transport as knows its socket."""


def test_a_peer_that_only_speaks_no_more_has_not_left() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = OnSocket({"socket": ours})
        assert not has_left(transport)
        theirs.shutdown(socket.SHUT_WR)
        assert not has_left(transport)
        theirs.close()
        assert has_left(transport)


def test_a_transport_that_has_no_socket_tells_by_itself() -> None:
    assert not has_left(OnSocket())
