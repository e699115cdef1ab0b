"""From a name to a mailbox, as far as the speaker reaches."""

from __future__ import annotations

from collections.abc import Sequence

from warmline.bridge import rights, rules
from warmline.directory import Directory
from warmline.errors import AmbiguousMailboxError, ForbiddenError, UnknownMailboxError
from warmline.model import DEFAULT_CONVERSATION, ConversationId, Mailbox, is_memory
from warmline.parties import Credential

MAX_SHOWN = 10
"""Names in an error's text."""


class Addresses:
    """Finds the mailbox that a speaker means by a name.

    Who administers means any open conversation's, or the named one's; everyone else its own conversation's, and
    `memory`. A mailbox of a closed conversation is found by who belongs there: what it holds can still be received.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def reached(self, by: Credential, name: str, conversation: ConversationId | None) -> Mailbox:
        """Return the one mailbox to ask or send to.

        Raises ForbiddenError out of scope, UnknownConversationError, UnknownMailboxError, AmbiguousMailboxError.
        """
        rights.check_reach(by, name)
        return await self.named(by, name, conversation)

    async def read(self, by: Credential, name: str | None, conversation: ConversationId | None) -> Mailbox:
        """Return the one mailbox to receive from: the speaker's own, when no name is given. Raises as `reached`."""
        if name is None and conversation is None:
            return Mailbox(by.conversation, by.name)
        mailbox = await self.named(by, by.name if name is None else name, conversation)
        if not rights.may_read(by, mailbox):
            raise ForbiddenError(
                f"the credential of {by.name!a} does not receive from that mailbox: it is out of its scope"
            )
        return mailbox

    async def named(self, by: Credential, name: str, conversation: ConversationId | None) -> Mailbox:
        """Return the one mailbox of that name, whatever the scope."""
        found = self._candidates(by, name, conversation)
        if len(found) == 1:
            return found[0]
        if found:
            places = ", ".join(f"{name} in {mailbox.conversation}" for mailbox in found[:MAX_SHOWN])
            raise AmbiguousMailboxError(f"{len(found)} mailboxes have that name: {places}; name the conversation")
        raise UnknownMailboxError(await self._unknown(by, name, conversation))

    def exists(self, mailbox: Mailbox) -> bool:
        """Tell whether there is this mailbox, in a conversation open or closed."""
        try:
            self._directory.policy(mailbox)
        except UnknownMailboxError:
            return False
        return True

    def _candidates(self, by: Credential, name: str, conversation: ConversationId | None) -> Sequence[Mailbox]:
        if conversation is None and rights.administers(by):
            return self._directory.mailboxes_named(name)
        if is_memory(of_memory := Mailbox(DEFAULT_CONVERSATION, name)):
            return [of_memory] if self.exists(of_memory) else []
        home = by.conversation if conversation is None else conversation
        rights.check_conversation(by, home)
        mailbox = Mailbox(home, name)
        return [mailbox] if self.exists(mailbox) else []

    async def _unknown(self, by: Credential, name: str, conversation: ConversationId | None) -> str:
        """Say what there is instead.

        Raises UnknownConversationError when the conversation is none, InvalidInputError for a secret's name.
        """
        rules.check_no_secret(name, "name")
        home = None if conversation is None and rights.administers(by) else conversation or by.conversation
        if home is not None:
            await self._directory.conversation(home)
        there = {state.mailbox for state in await self._directory.mailboxes(home)}
        closed = sorted(mailbox.conversation for mailbox in there if mailbox.name == name)
        if closed:
            return f"the mailbox {name!a} is in a closed conversation: {', '.join(closed[:MAX_SHOWN])}"
        known = sorted({mailbox.name for mailbox in there})
        shown = ", ".join(known[:MAX_SHOWN]) + (" ..." if len(known) > MAX_SHOWN else "")
        return f"there is no mailbox {name[: MAX_SHOWN * 10]!a}; known: {shown or 'none'}"
