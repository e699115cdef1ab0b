"""The bridge as one value: what an interface is handed.

It knows the promises of store and directory, not their kind; it never meets the dispatcher. Who speaks is a
Credential, which the interface had from `credentials.authenticate`, and never from what was said. Everything
durable is in the store: a bridge keeps nothing but who waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warmline.bridge.addresses import Addresses
from warmline.bridge.batches import Batches
from warmline.bridge.conversations import Conversations
from warmline.bridge.credentials import Credentials
from warmline.bridge.guests import Guests
from warmline.bridge.hearings import Hearings
from warmline.bridge.legacy import Legacy
from warmline.bridge.messages import Messages
from warmline.bridge.parts import Parts
from warmline.bridge.questions import Questions
from warmline.bridge.waits import Waits
from warmline.directory import Directory
from warmline.errors import UnknownFileError
from warmline.model import DEFAULT_CONVERSATION, is_memory
from warmline.protocols import Clock, Shown, Store, Verifier
from warmline.security.masking import Redact
from warmline.security.redaction import redact_aside
from warmline.settings import BridgeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """The verbs of the line, by noun."""

    questions: Questions
    messages: Messages
    batches: Batches
    conversations: Conversations
    credentials: Credentials
    guests: Guests
    legacy: Legacy
    parts: Parts

    @property
    def waiting(self) -> int:
        """How many wait now: for an answer, for a message, for a change."""
        return len(self.parts.waits)

    @property
    def receiving(self) -> int:
        """How many of them wait for a message."""
        return self.parts.waits.receivers

    @property
    def is_ending(self) -> bool:
        """Whether the waits were ended: the daemon leaves."""
        return self.parts.waits.is_ending

    def end_waits(self) -> None:
        """Let every wait return now with what is known, and call every listener once more; for a shutdown."""
        self.parts.waits.end()

    async def is_idle(self) -> bool:
        """Tell whether nobody waits, and nothing is ready, delayed or leased that the daemon answers itself."""
        if self.parts.waits:
            return False
        states = await self.parts.directory.mailboxes(DEFAULT_CONVERSATION)
        return all(state.ready + state.leased == 0 for state in states if is_memory(state.mailbox))


def no_agents() -> Sequence[str]:
    """Name none."""
    return ()


async def no_files(shown: str, _within: frozenset[str] | None) -> str:
    """Know none. Raises UnknownFileError."""
    raise UnknownFileError(f"there is no memory here that could hold {shown!a}")


def open_bridge(  # noqa: PLR0913  # it joins as many parts
    store: Store,
    directory: Directory,
    verifier: Verifier,
    clock: Clock,
    *,
    settings: BridgeSettings,
    owner_token: str,
    redact: Redact = redact_aside,
    hearings: Hearings | None = None,
    agents: Callable[[], Sequence[str]] = no_agents,
    shown: Shown = no_files,
) -> Bridge:
    """Join the verbs over an open store and directory. owner_token is the secret of the person at the shell.

    redact masks the secrets of every text before anything of it is kept. hearings is where the dispatchers say what is
    written; agents names who can be asked by name at this moment: each has a mailbox, `agent_mailbox`. shown says by
    which path the memory shows a file.
    """
    parts = Parts(
        store=store,
        directory=directory,
        verifier=verifier,
        shown=shown,
        clock=clock,
        settings=settings,
        addresses=Addresses(directory),
        waits=Waits(),
        hearings=Hearings() if hearings is None else hearings,
        redact=redact,
        agents=agents,
    )
    messages, batches = Messages(parts), Batches(parts)
    credentials = Credentials(parts, owner_token)
    conversations = Conversations(parts, credentials, messages)
    return Bridge(
        questions=Questions(parts),
        messages=messages,
        batches=batches,
        conversations=conversations,
        credentials=credentials,
        guests=Guests(parts, credentials),
        legacy=Legacy(parts, credentials, conversations, messages, batches),
        parts=parts,
    )
