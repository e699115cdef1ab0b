"""What the line's own notices say: one line, with what to do. They never hold a message's body."""

from __future__ import annotations

from warmline.model import Kind, State
from warmline.parties import Credential, StopKind

_MAX_REASON_CHARACTERS = 500


def ended_text(kind: Kind, message_id: str, mailbox_name: str, state: State, reason: str | None) -> str:
    """Tell the sender of a message that it died, for this reason, or expired."""
    what = f"Your {kind} {message_id} to {mailbox_name}"
    then = "Requeue it, or ask again" if kind is Kind.QUESTION else "Send it again"
    if state is State.DEAD:
        why = " ".join((reason or "no reason was given").split())[:_MAX_REASON_CHARACTERS]
        return f"{what} is dead: {why}. {then}, if it still matters."
    return f"{what} has expired: nobody settled it before its deadline. {then}, if it still matters."


def stop_text(kind: StopKind, by: Credential, max_hops: int) -> str:
    """Tell those concerned that a speaker was stopped."""
    who = f"The line stopped {by.name} in the conversation {by.conversation}"
    match kind:
        case StopKind.LOOP:
            why = f"{max_hops} messages made by machines followed one another, which is the limit"
            then = "Acknowledge what belongs to it and begin anew, or let a person go on"
        case StopKind.RATE:
            why = "it sent more messages than its rate allows"
            then = "It may go on after the time that each refusal names; if it should send as many, raise its limits"
        case StopKind.BUDGET:
            why = "its messages of this day are spent"
            then = "It may go on after midnight UTC; if it should send as many, raise its limits"
    return f"{who}: {why}. {then}."
