"""What is news to a follower of a conversation."""

from __future__ import annotations

from datetime import UTC, datetime

from warmline.interfaces.following import PAGE, WINDOW, Following
from warmline.model import ConversationId, Delivery, Kind, Mailbox, Message, MessageId, Post, State

THEN = datetime(2026, 1, 1, tzinfo=UTC)
HERE = ConversationId("conv_0123456789abcdef")


def post(number: int, state: State = State.READY) -> Post:
    message = Message(
        id=MessageId(f"{number:026}"),
        conversation=HERE,
        sender="ann",
        kind=Kind.NOTE,
        body="x",
        sent_at=THEN,
        trace="t",
    )
    return Post(message, (Delivery(Mailbox(HERE, "bob"), number, state),), number)


def names(following: Following, *page: Post) -> list[tuple[str, int]]:
    return [(name, each.number) for name, each in following.news(page)]


def test_a_message_is_news_once() -> None:
    following = Following(0)
    assert names(following, post(1), post(2)) == [("message", 1), ("message", 2)]
    assert names(following, post(1), post(2)) == []


def test_a_receipt_is_news_when_it_changed() -> None:
    following = Following(0)
    names(following, post(1), post(2))
    assert names(following, post(1, State.LEASED), post(2)) == [("receipt", 1)]
    assert names(following, post(1, State.LEASED), post(2)) == []


def test_a_message_that_has_ended_is_not_looked_at_again() -> None:
    following = Following(0)
    names(following, post(1), post(2, State.SETTLED))
    assert following.start == 0
    names(following, post(1, State.SETTLED), post(2, State.SETTLED))
    assert following.start == 2


def test_what_was_shown_to_another_stream_is_no_news() -> None:
    following = Following(5)
    assert following.start == 5
    assert names(following, post(5), post(6)) == [("message", 6)]


def test_an_old_message_that_stays_open_does_not_hold_the_follower_back() -> None:
    following, number = Following(0), 0
    for _ in range(10):
        page = [post(each) for each in range(following.start + 1, following.start + 1 + PAGE)]
        names(following, *page)
        assert page[-1].number > number
        number = page[-1].number
        assert number - following.start <= WINDOW
