"""The fair queue: questions that wait for a worker, of which the conversations take turns. No I/O, no time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from warmline.model import ConversationId, Draft, Message, Recollection
from warmline.protocols import Said

Turn = tuple[ConversationId, str]
"""Who takes turns: a sender in a conversation."""


class Seat(Protocol):
    """A worker that was taken for one question: it is served, or freed."""

    async def serve(self, question: Message, recollection: Recollection, said: Said) -> Draft:
        """Have the worker answer, and free it. Raises AgentError, AnswererError."""

    def free(self) -> None:
        """Let the worker take another question."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A question on its way to a worker: of one agent, or of any.

    handed gets a seat, or says why who stands in for all agents is to answer; it is made anew for each wait. returns
    counts how often an agent failed at it and answered another one next.
    """

    question: Message
    agent: str | None
    is_test: bool = False
    returns: int = 0
    answers_seen: int = -1
    handed: asyncio.Future[Seat | str] = field(init=False)

    @property
    def turn(self) -> Turn:
        """Whose turn it takes."""
        return (self.question.conversation, self.question.sender)


class Waiting:
    """Holds tickets. Of one conversation the first is taken first; the conversations take turns, one ticket each.

    So before a ticket that is the first of its conversation, at most one of each other conversation is taken, of
    those that the same workers can take.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[Turn, deque[Ticket]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Ticket]:
        return iter([ticket for tickets in self._turns.values() for ticket in tickets])

    def put(self, ticket: Ticket) -> None:
        """Add one as the last of its conversation, whose turn, if none of it waits, comes last."""
        self._turns.setdefault(ticket.turn, deque()).append(ticket)
        self._count += 1

    def put_back(self, ticket: Ticket) -> None:
        """Add one as the first of its conversation, as if it had not been taken; its turn was."""
        self._turns.setdefault(ticket.turn, deque()).appendleft(ticket)
        self._count += 1

    def take(self, fits: Callable[[Ticket], bool]) -> Ticket | None:
        """Remove and return the next one that fits; None when none does. Who has nothing that fits keeps the turn."""
        for turn, tickets in self._turns.items():
            for ticket in tickets:
                if fits(ticket):
                    self._remove(ticket)
                    if turn in self._turns:
                        self._turns.move_to_end(turn)
                    return ticket
        return None

    def remove(self, ticket: Ticket) -> None:
        """Let one go that waits no longer; nothing happens when it is not there."""
        if ticket in self._turns.get(ticket.turn, ()):
            self._remove(ticket)

    def count(self, fits: Callable[[Ticket], bool]) -> int:
        """Tell how many fit."""
        return sum(map(fits, self)) if self._count else 0

    def _remove(self, ticket: Ticket) -> None:
        tickets = self._turns[ticket.turn]
        tickets.remove(ticket)
        self._count -= 1
        if not tickets:
            del self._turns[ticket.turn]
