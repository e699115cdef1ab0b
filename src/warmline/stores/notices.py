"""Notices of the line itself, put where those concerned receive. They are under no rule, and cause none themselves."""

from __future__ import annotations

from collections.abc import Iterable

from warmline.ids import new_message_id
from warmline.model import (
    OWNER,
    OWNER_MAILBOX,
    THE_LINE,
    ConversationId,
    Kind,
    Mailbox,
    Message,
    MessageId,
    State,
)
from warmline.stores.accepting import accept, sent
from warmline.stores.notice_texts import ended_text
from warmline.stores.rows import kind_of, time
from warmline.stores.transaction import Transaction


def put_notice(
    tx: Transaction, mailbox: Mailbox, body: str, *, trace: str, hops: int, about: MessageId | None = None
) -> None:
    """Put a notice into a mailbox, if there is one.

    It goes on in the trace of what it tells of, so that whoever sends while it holds the notice stays bounded.
    """
    number = mailbox_number(tx, mailbox)
    if number is None:
        return
    now = time(tx.now)
    notice = Message(
        id=new_message_id(now),
        conversation=mailbox.conversation,
        sender=THE_LINE,
        kind=Kind.NOTE,
        body=body,
        sent_at=now,
        trace=trace,
        hops=hops,
        in_reply_to=about,
    )
    accept(tx, sent(notice), [number])


def put_end_notices(tx: Transaction, ended: Iterable[tuple[str, int]]) -> None:
    """Tell the senders of deliveries, given as (message id, mailbox number), that died or expired just now."""
    keys = ("message_id", "mailbox_id")
    rows = [tx.one("end_notice", dict(zip(keys, each, strict=True))) for each in ended]
    found = sorted(row for row in rows if row is not None)  # of a message that was taken away nobody knows the sender
    for _, message_id, conversation, sender, kind, trace, hops, mailbox_name, state, reason in found:
        tx.news.said[conversation] = None
        if sender != THE_LINE:
            body = ended_text(kind_of(kind), message_id, mailbox_name, State(state), reason)
            mailbox = mailbox_of_sender(tx, conversation, sender)
            put_notice(tx, mailbox, body, trace=trace, hops=hops, about=MessageId(message_id))


def mailbox_of_sender(tx: Transaction, conversation: str, sender: str) -> Mailbox:
    """Return where a sender receives: the owner in its one mailbox, unless the conversation has another for it."""
    own = Mailbox(ConversationId(conversation), sender)
    return OWNER_MAILBOX if sender == OWNER and mailbox_number(tx, own) is None else own


def mailbox_number(tx: Transaction, mailbox: Mailbox) -> int | None:
    """Return the number of a mailbox that may not be there."""
    row = tx.one("mailbox_number", {"conversation": mailbox.conversation, "name": mailbox.name})
    return None if row is None else int(row[0])
