"""The blocking client: `connect("unix:///...")`, and then ask. It needs nothing but the standard library."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from warmline.listen.addresses import Address, parse_address
from warmline.listen.calling import Caller
from warmline.listen.calls import cancelled_of, collect, new_id, pong_of, query, response_of
from warmline.listen.lifeline import DEFAULT_RECONNECT, DEFAULT_TIMEOUT, Lifeline
from warmline.listen.messages import Cancel, Id, Ping, Progress, Response, Text


def connect(
    url: str, *, token: str | None = None, timeout: float = DEFAULT_TIMEOUT, reconnect: float = DEFAULT_RECONNECT
) -> LineClient:
    """Connect to a running instance: tcp://HOST:PORT, unix:///PATH, fifo:///PATH or shm://NAME.

    token says who speaks, where one is needed. timeout is in seconds: for connecting, and for a silence after which
    the connection counts as lost. A lost one is made anew for reconnect seconds, and what was asked is asked again
    by the same id, so that it is answered once. Raises DisconnectedError, and InvalidInputError for what is no URL.
    """
    return LineClient(parse_address(url), token=token, timeout=timeout, reconnect=reconnect)


class LineClient:
    """A line to an instance, for programs that block. Several threads may ask at once.

    It is closed by `close`, or by leaving its `with`; whoever still waits then gets a DisconnectedError. It does not
    outlive a fork.
    """

    def __init__(self, address: Address, *, token: str | None, timeout: float, reconnect: float) -> None:
        self._address = address
        self._caller = Caller(address, token, Lifeline(timeout, reconnect))

    def __repr__(self) -> str:
        return f"<LineClient {self._address}{' closed' if self._caller.closed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self,
        question: str,
        *,
        wait: float | None = None,
        deadline: float | None = None,
        agent: str | None = None,
        context_file: str | None = None,
        id: Id | None = None,  # noqa: A002
        on_text: Callable[[Text], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Response:
        """Ask, and wait for the answer.

        wait is this program's patience and deadline the question's life, both in seconds; without them the instance's
        own count. agent names who is to answer, context_file the one file of the memory to answer from. id names the
        question for good: asked again with it, also by another program of the same credential, it brings the same
        answer; without it, a random one is used. on_text is called with each piece of the answer while it is
        written, on_progress when the question is durable and at each change of its state, both on this thread.

        Raises PendingError with the ticket when the wait ends first, FailedError when there will be no answer,
        DisconnectedError when the instance cannot be reached any more, and what it refuses as the error that it is.
        """
        heard = (on_text is not None, on_progress is not None)
        request = query(question, id, heard, wait=wait, deadline=deadline, agent=agent, context_file=context_file)
        return response_of(self._caller.call(request, on_text, on_progress))

    def collect(
        self,
        ticket: str,
        *,
        wait: float | None = None,
        on_text: Callable[[Text], object] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Response:
        """Wait for the answer to a question that was asked before; a wait of 0 only looks. Raises as `ask` does."""
        request = collect(ticket, (on_text is not None, on_progress is not None), wait)
        return response_of(self._caller.call(request, on_text, on_progress))

    def cancel(self, ticket: str) -> None:
        """End a question that nobody has answered yet. Raises ConflictError when it has ended, NotFoundError."""
        cancelled_of(self._caller.call(Cancel(ticket, new_id())))

    def ping(self, data: str | None = None) -> str | None:
        """Wait for a sign of life, and return data as it came back."""
        return pong_of(self._caller.call(Ping(new_id(), data=data))).data

    def close(self) -> None:
        """End the connection. What was accepted goes on, and can be collected by another client. Twice is fine."""
        self._caller.close()
