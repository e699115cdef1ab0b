"""Every error of the line, drawn as a tree. A class for each decision that a caller can take.

WarmlineError
├── InvalidInputError           what was given cannot be used; the caller mends it
│   ├── BodyTooLargeError
│   ├── UnsafePathError         a path that leaves its root, or is no regular file
│   ├── AmbiguousMailboxError   several mailboxes have that name; the text lists them
│   ├── NotLegacyError          a file to import is no database of the old bridge
│   └── ConfigurationError      what stands in warmline.toml cannot be used
├── NotFoundError               no such thing
│   ├── UnknownMessageError
│   ├── UnknownMailboxError
│   ├── UnknownConversationError
│   ├── UnknownCredentialError
│   ├── UnknownBatchError       no such hand-over to this reader
│   ├── UnknownAgentError       no agent of that name is configured
│   ├── UnknownRootError        a memory has no root of that name
│   └── UnknownFileError        ... or no such file, for who asks
├── ConflictError               the thing is in a state that does not allow this
│   ├── IdempotencyConflictError
│   ├── LeaseLostError          the lease was settled, lapsed or given to another
│   ├── ConversationClosedError
│   ├── ForeignEntryError       an entry in a client's configuration is another than `connect` put there
│   └── LoopStoppedError        too many machine-made messages in one trace
├── UnauthorizedError           no credential, or not one of this line, or not any more
│   └── WrongSessionTokenError  ... shown as the token of one of an old bridge's two sessions
├── ForbiddenError              the credential has not this right, or not this scope
├── MisdirectedError            the request was meant for another host than this daemon
├── RateLimitedError            too many messages; says when to try again
│   ├── BudgetSpentError        ... for this day
│   └── TooManyRequestsError    ... or requests, at this moment
├── AnswererError               an answerer could not answer this time
│   └── AgentError              ... and not because of the question: it cannot be used now
├── WorkerError                 a worker's program could not be started, or did not end
│   └── GuardianError           there is no guardian now: what it held is ended; try again
├── StoreError                  the store cannot work now; what was accepted is safe
│   ├── StoreFullError          no room on the disk: try again when there is
│   ├── StoreDamagedError
│   ├── StoreVersionError       written by a newer version
│   ├── WrongKeyError           the store is encrypted under another key, or under none, or no key was named
│   └── StoreClosedError
├── UnansweredError             a question has no answer; `ticket` names it
│   ├── PendingError            ... yet: the asker's patience ended first, the answer waits for the ticket
│   └── FailedError             ... and gets none: it failed, expired or was cancelled
└── DaemonError                 the daemon could not start or be reached
    ├── DisconnectedError       the connection to a persistent instance ended, or could not be made
    ├── AlreadyRunningError     another daemon or command owns this home
    ├── UnsafeHomeError         others could have read or changed what lies in the home
    └── UnsafeKeyError          a key that is needed is gone, damaged, or open to others

The text of an error is one line for a person: what was wrong, and what to do. It never holds a
message's body or a credential.
"""

from __future__ import annotations


class WarmlineError(Exception):
    """The base of all; raised itself only for an error of a newer instance, which this version cannot know."""


class InvalidInputError(WarmlineError):
    """What was given cannot be used."""


class BodyTooLargeError(InvalidInputError):
    """A body is larger than the limit."""


class UnsafePathError(InvalidInputError):
    """A path leaves its root, or names something that is no regular file or folder."""


class AmbiguousMailboxError(InvalidInputError):
    """Several mailboxes have this name; the text lists them."""


class NotLegacyError(InvalidInputError):
    """The file is no database of the old bridge."""


class ConfigurationError(InvalidInputError):
    """The configuration cannot be read, or says what cannot be."""


class NotFoundError(WarmlineError):
    """There is no such thing."""


class UnknownMessageError(NotFoundError):
    """There is no message with this id."""


class UnknownMailboxError(NotFoundError):
    """There is no mailbox with this name in the conversation."""


class UnknownConversationError(NotFoundError):
    """There is no conversation with this id, or not for this credential."""


class UnknownCredentialError(NotFoundError):
    """There is no credential with this id or name."""


class UnknownBatchError(NotFoundError):
    """There is no batch with this token, or it was handed to another reader."""


class UnknownAgentError(NotFoundError):
    """No agent of this name is configured."""


class UnknownRootError(NotFoundError):
    """The memory has no root with this name."""


class UnknownFileError(NotFoundError):
    """The memory holds no such file, or the speaker's scope does not reach it: nothing tells the two apart."""


class ConflictError(WarmlineError):
    """The state of the thing does not allow this."""


class IdempotencyConflictError(ConflictError):
    """The idempotency key was used before with another body."""


class LeaseLostError(ConflictError):
    """The lease was settled, has lapsed, or was given to another."""


class ConversationClosedError(ConflictError):
    """The conversation was closed: it takes nothing new."""


class ForeignEntryError(ConflictError):
    """An entry in a client's configuration is not the one that `connect` put there. `there` is what it found."""

    def __init__(self, text: str, there: object = None, ours: object = None) -> None:
        super().__init__(text)
        self.there = there
        self.ours = ours


class LoopStoppedError(ConflictError):
    """The trace holds as many machine-made messages as it may."""


class UnauthorizedError(WarmlineError):
    """There is no credential, or it is not one of this line, or it has expired or was revoked."""


class WrongSessionTokenError(UnauthorizedError):
    """The token that was named for a session of `create_conversation` is not good, whoever may have called."""


class ForbiddenError(WarmlineError):
    """The credential has not the right, or its scope does not reach so far."""


class RateLimitedError(WarmlineError):
    """The credential put too many messages on the line. retry_after is in seconds, above zero."""

    def __init__(self, text: str, retry_after: float = 1.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class BudgetSpentError(RateLimitedError):
    """The credential's messages of this UTC day are spent."""


class MisdirectedError(WarmlineError):
    """The request names a host that is not this daemon."""


class TooManyRequestsError(RateLimitedError):
    """More requests are worked on, or held back, than the doors let in at once."""


class AnswererError(WarmlineError):
    """An answerer could not answer this time; the question may be tried again."""


class AgentError(AnswererError):
    """An agent cannot be used now, whatever it is asked: no program, no login, a wrong model, a provider in trouble."""


class WorkerError(WarmlineError):
    """A worker's program could not be started, or did not end."""


class GuardianError(WorkerError):
    """There is no guardian at this moment, or it said nothing in time. What it held is ended or being ended."""


class StoreError(WarmlineError):
    """The store cannot do this now. What was accepted before is safe."""


class StoreFullError(StoreError):
    """The disk has no room."""


class StoreDamagedError(StoreError):
    """The store's file is not one, or is damaged."""


class StoreVersionError(StoreError):
    """The store was written by a newer version."""


class WrongKeyError(StoreError):
    """The store is encrypted under another key, or under none, or it is and no key was named."""


class StoreClosedError(StoreError):
    """The store was closed."""


class UnansweredError(WarmlineError):
    """A question has no answer. ticket is its id, by which it can be asked for again."""

    def __init__(self, text: str, ticket: str) -> None:
        super().__init__(text)
        self.ticket = ticket


class PendingError(UnansweredError):
    """The asker's patience ended before the question did."""


class FailedError(UnansweredError):
    """The question ended without an answer: it failed, expired or was cancelled."""


class DaemonError(WarmlineError):
    """The daemon could not start or be reached."""


class DisconnectedError(DaemonError):
    """The connection to a persistent instance ended, or could not be made. What was accepted is safe."""


class AlreadyRunningError(DaemonError):
    """Another daemon owns this home, or a command that wants it alone."""


class UnsafeHomeError(DaemonError):
    """Others could have read or changed what lies in the home, or what lies there is not the user's own."""


class UnsafeKeyError(DaemonError):
    """A key that is needed is gone, damaged, or can be read by others: nothing goes on without it."""
