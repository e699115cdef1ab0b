"""Every error of the line, drawn as a tree. A class for each decision that a caller can take.

WarmlineError
├── InvalidInputError           what was given cannot be used; the caller mends it
│   ├── BodyTooLargeError
│   └── UnsafePathError         a path that leaves its root, or is no regular file
├── NotFoundError               no such thing
│   ├── UnknownMessageError
│   ├── UnknownMailboxError
│   └── UnknownRootError        a memory has no root of that name
├── ConflictError               the thing is in a state that does not allow this
│   ├── IdempotencyConflictError
│   └── LeaseLostError          the lease was settled, lapsed or given to another
├── UnauthorizedError           no credential, or not one of this line
├── AnswererError               an answerer could not answer this time
├── StoreError                  the store cannot work now; what was accepted is safe
│   ├── StoreFullError          no room on the disk: try again when there is
│   ├── StoreDamagedError
│   ├── StoreVersionError       written by a newer version
│   └── StoreClosedError
└── DaemonError                 the daemon could not start or be reached
    └── AlreadyRunningError     another daemon owns this home

The text of an error is one line for a person: what was wrong, and what to do. It never holds a
message's body or a credential.
"""

from __future__ import annotations


class WarmlineError(Exception):
    """The base of all; never raised itself."""


class InvalidInputError(WarmlineError):
    """What was given cannot be used."""


class BodyTooLargeError(InvalidInputError):
    """A body is larger than the limit."""


class UnsafePathError(InvalidInputError):
    """A path leaves its root, or names something that is no regular file or folder."""


class NotFoundError(WarmlineError):
    """There is no such thing."""


class UnknownMessageError(NotFoundError):
    """There is no message with this id."""


class UnknownMailboxError(NotFoundError):
    """There is no mailbox with this name in the conversation."""


class UnknownRootError(NotFoundError):
    """The memory has no root with this name."""


class ConflictError(WarmlineError):
    """The state of the thing does not allow this."""


class IdempotencyConflictError(ConflictError):
    """The idempotency key was used before with another body."""


class LeaseLostError(ConflictError):
    """The lease was settled, has lapsed, or was given to another."""


class UnauthorizedError(WarmlineError):
    """There is no credential, or it is not one of this line."""


class AnswererError(WarmlineError):
    """An answerer could not answer this time; the question may be tried again."""


class StoreError(WarmlineError):
    """The store cannot do this now. What was accepted before is safe."""


class StoreFullError(StoreError):
    """The disk has no room."""


class StoreDamagedError(StoreError):
    """The store's file is not one, or is damaged."""


class StoreVersionError(StoreError):
    """The store was written by a newer version."""


class StoreClosedError(StoreError):
    """The store was closed."""


class DaemonError(WarmlineError):
    """The daemon could not start or be reached."""


class AlreadyRunningError(DaemonError):
    """Another daemon owns this home."""
