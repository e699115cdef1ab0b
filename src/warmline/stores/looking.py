"""The verbs that only look: at one question, at many, at an answer; each in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from warmline.errors import UnknownMessageError
from warmline.ids import first_message_id
from warmline.model import THE_LINE, Answer, Due, Message, MessageId, Question, State
from warmline.protocols import QuestionFilter
from warmline.stores.rows import MESSAGE_COLUMNS, Row, message_of, micros, question_of, withheld_answer
from warmline.stores.transaction import Box, Transaction


def read_message(tx: Transaction, message_id: str) -> Message | None:
    """Read a message, which may be withheld; None where it is gone, or holds bytes that are no text."""
    try:
        row = tx.one("message", {"message_id": message_id})
    except UnicodeDecodeError:
        return None
    return message_of(row, tx.seals) if row else None


def get(tx: Transaction, message_id: MessageId) -> Question:
    """Read a question. Raises UnknownMessageError."""
    rows = tx.all("question", {"id": message_id})
    if len(rows) != 1:
        raise UnknownMessageError(f"there is no question {message_id}")
    return _question(tx, rows[0])


def questions(tx: Transaction, which: QuestionFilter, box: Box | None, limit: int) -> Sequence[Question]:
    """List questions, newest first."""
    rows = tx.all("questions", {**_which(which, box), "limit": limit})
    return [_question(tx, row) for row in rows]


def count(tx: Transaction, which: QuestionFilter, box: Box | None) -> int:
    """Count questions."""
    row = tx.one("count", _which(which, box))
    return int(row[0]) if row else 0


def due(tx: Transaction, box: Box) -> Due:
    """Tell what is ready in a mailbox; of an ordered one its head, or nothing."""
    if box.ordered and tx.one("lease_is_blocked", {"mailbox_id": box.number}) is not None:
        return Due()
    row = tx.one("due", {"mailbox_id": box.number})
    return Due(*row) if row else Due()


def tally(tx: Transaction) -> dict[State, int]:
    """Count deliveries by state."""
    found = {State(state): int(number) for state, number in tx.all("tally", {})}
    return {state: found.get(state, 0) for state in State}


def count_broken(tx: Transaction, since: datetime) -> int:
    """Count what was buried because its seal does not verify."""
    row = tx.one("count_broken", {"since_at": micros(since)})
    return int(row[0]) if row else 0


def answer_to(tx: Transaction, message_id: MessageId) -> Answer | None:
    """Read the answer of a settled question; one that is gone, or another question's, is withheld."""
    row = tx.one("answer_id", {"id": message_id})
    return None if row is None else read_answer(tx, message_id, row[0])


def read_answer(tx: Transaction, message_id: str, answer_id: str) -> Answer:
    """Read the answer of this id to a question."""
    row = tx.one("answer", {"id": message_id, "answer_id": answer_id})
    return (row and message_of(row, tx.seals).answer) or withheld_answer(THE_LINE)


def _which(which: QuestionFilter, box: Box | None) -> dict[str, object]:
    since = which.since
    return {
        "states": json.dumps(sorted(which.states)) if which.states else None,
        "since_id": first_message_id(since) if since else "",
        "since_at": micros(since) if since else 0,
        "mailbox_id": None if box is None else box.number,
        "any_kind": which.any_kind,
    }


def _question(tx: Transaction, row: Row) -> Question:
    is_settled = row[MESSAGE_COLUMNS + 3] == State.SETTLED
    return question_of(row, answer_to(tx, row[0]) if is_settled else None, tx.seals)
