"""How far a message or an answer is trusted: what its block in a prompt says of who stands behind it."""

from __future__ import annotations

from warmline.model import IMPORTED, OWNER, WITHHELD, Answer, Message, Outcome
from warmline.security.fence import Trust

BY_AN_ANSWERER = "answer"
"""The step that only the daemon's own answerers take, in an answer's timings."""


def trust_in(message: Message) -> Trust:
    """Tell how far to trust a message.

    A notice of the line counts as known by a credential: nobody else can sign so, but it quotes the names and reasons
    of those who have one. What an old bridge took in, from whoever could open its file, and what is not intact, is
    unknown.
    """
    if not message.is_intact or message.trace == f"{IMPORTED}{message.id}":
        return Trust.UNKNOWN
    if message.answer is not None:
        return trust_in_answer(message.answer)
    return Trust.OWNER if message.sender == OWNER else Trust.CREDENTIAL


def trust_in_answer(answer: Answer) -> Trust:
    """Tell how far to trust an answer.

    The daemon's answerers say what the memory holds, which anybody may have written. Who is named as the author of an
    answer that is withheld may have been written by anybody, too.
    """
    if BY_AN_ANSWERER in answer.timings_ms or is_withheld(answer):
        return Trust.UNKNOWN
    return Trust.OWNER if answer.author == OWNER else Trust.CREDENTIAL


def is_withheld(answer: Answer) -> bool:
    """Tell whether this stands for an answer that something else changed. Others may say its text, but fail nothing."""
    return answer.outcome is Outcome.FAILED and answer.text == WITHHELD
