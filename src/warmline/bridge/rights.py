"""Who may do what: pure functions of a credential and the thing."""

from __future__ import annotations

from collections.abc import Iterable

from warmline.errors import ForbiddenError, UnknownConversationError
from warmline.model import MEMORY_MAILBOX_NAME, OWNER, ConversationId, Mailbox, Message
from warmline.parties import AnsweredBy, Credential, Policy, Right


def is_owner(by: Credential) -> bool:
    """Tell whether this is the person at the shell: no other credential can be called so."""
    return by.name == OWNER


def administers(by: Credential) -> bool:
    """Tell whether the credential may do everything everywhere."""
    return Right.ADMINISTER in by.rights


def has(by: Credential, right: Right) -> bool:
    """Tell whether the credential has this right."""
    return right in by.rights or administers(by)


def check(by: Credential, right: Right) -> None:
    """Raises ForbiddenError when the credential has not this right."""
    if not has(by, right):
        raise ForbiddenError(
            f"the credential of {by.name!a} has not the right to {right}: let the owner make one that has"
        )


def check_reach(by: Credential, name: str) -> None:
    """Raises ForbiddenError when the credential's scope does not hold a mailbox of this name to ask or send to.

    Who reaches the memory reaches it by every agent.
    """
    if by.mailboxes is None or administers(by):
        return
    reaches_memory = name.startswith(f"{MEMORY_MAILBOX_NAME}/") and MEMORY_MAILBOX_NAME in by.mailboxes
    if name not in by.mailboxes and not reaches_memory:
        raise ForbiddenError(
            f"the credential of {by.name!a} does not reach a mailbox of that name: it is out of its scope"
        )


def check_memory(by: Credential) -> None:
    """Raises ForbiddenError when the credential may not ask the memory: it reads nothing of it, either."""
    check(by, Right.ASK)
    check_reach(by, MEMORY_MAILBOX_NAME)


def check_conversation(by: Credential, conversation: ConversationId) -> None:
    """Raises UnknownConversationError, as if there were none, unless it is the credential's or it administers."""
    if conversation != by.conversation and not administers(by):
        raise UnknownConversationError("there is no such conversation, or it is not yours")


def may_read(by: Credential, mailbox: Mailbox) -> bool:
    """Tell whether the credential may receive from a mailbox: its own, and those its scope names."""
    if administers(by):
        return True
    is_named = mailbox.name == by.name or mailbox.name in by.reads
    return Right.READ in by.rights and mailbox.conversation == by.conversation and is_named


def answers(by: Credential, mailbox: Mailbox, policy: Policy) -> bool:
    """Tell whether the credential is there to answer a mailbox's questions; who administers could, and is not."""
    is_named = mailbox.name == by.name or mailbox.name in by.reads
    may = has(by, Right.ANSWER) and has(by, Right.READ) and mailbox.conversation == by.conversation and is_named
    return may and (by.is_person or policy.answered_by is not AnsweredBy.PERSON)


def is_sender(by: Credential, message: Message) -> bool:
    """Tell whether the message is the speaker's own."""
    return (message.conversation, message.sender) == (by.conversation, by.name)


def may_see(by: Credential, message: Message, mailboxes: Iterable[Mailbox]) -> bool:
    """Tell whether the credential may see a message that was delivered to these mailboxes."""
    return administers(by) or is_sender(by, message) or any(may_read(by, mailbox) for mailbox in mailboxes)


def may_end(by: Credential, message: Message) -> bool:
    """Tell whether the credential may cancel, requeue or erase a message: its sender, and who administers."""
    return administers(by) or is_sender(by, message)
