"""The part of `connect` by which a client is woken: planned, shown, agreed and done after its entry stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warmline.errors import ConfigurationError, ForeignEntryError, InvalidInputError, WarmlineError
from warmline.interfaces.cli.connecting import Result, Work, have_it_agreed, masked
from warmline.operations.connect.command import own_command, own_program
from warmline.operations.wake import pieces
from warmline.operations.wake.pieces import WAKEABLE, Change

if TYPE_CHECKING:
    from warmline.operations.connect.clients import Client
    from warmline.operations.connect.record import Piece

Planned = list[tuple["Client", Change]]


def put_in(work: Work) -> None:
    """Put in what wakes the clients that are connected. Those that nothing wakes are told of."""
    planned = _plan_to_put(work)
    if work.options.only_print:
        _note_plans(work, planned)
        return
    have_it_agreed(work, [change for _, change in planned])
    for client, change in planned:
        _do(work, client, change, "unchanged" if change.after is None else "is woken by it")


def take_out(work: Work) -> None:
    """Take out what wakes the clients, the newest first: who came first may have made a folder that others lie in."""
    planned = _plan_to_take(work)
    if work.options.only_print:
        _note_plans(work, planned)
        return
    have_it_agreed(work, [change for _, change in planned])
    for client, change in reversed(planned):
        _do(work, client, change, "gone already" if change.after is None else "is woken no more")


def _plan_to_put(work: Work) -> Planned:
    planned = Planned()
    for client in work.clients:
        if client.name not in WAKEABLE:
            error = InvalidInputError(f"nothing wakes {client.title}: it waits with the tool receive_messages")
            work.results.append(Result(client, "refused", error=error))
            continue
        for piece in pieces.pieces_of(client.name, work.person, _relay(work, client), _wake(work, client)):
            _planned(work, client, piece, planned)
    return planned


def _planned(work: Work, client: Client, piece: Piece, planned: Planned) -> None:
    from pathlib import Path

    try:
        known = work.record.of(client.name).piece(Path(piece.path))
        planned.append((client, pieces.plan_putting(piece, known)))
    except (ConfigurationError, ForeignEntryError) as error:
        work.results.append(Result(client, "refused", piece.path, "user", error=error))


def _plan_to_take(work: Work) -> Planned:
    planned = Planned()
    for client in work.clients:
        for piece in work.record.of(client.name).pieces:
            try:
                planned.append((client, pieces.plan_taking(piece)))
            except (ConfigurationError, ForeignEntryError) as error:
                work.results.append(Result(client, "refused", piece.path, "user", error=error))
    return planned


def _note_plans(work: Work, planned: Planned) -> None:
    for client, change in planned:
        outcome = "unchanged" if change.after is None else "would be written"
        work.results.append(Result(client, outcome, change.piece.path, "user", diff=masked(change.difference())))


def _do(work: Work, client: Client, change: Change, outcome: str) -> None:
    do = pieces.take if work.options.undo else pieces.put
    try:
        do(change, client.name, work.record)
    except WarmlineError as error:
        work.results.append(Result(client, "refused", change.piece.path, "user", error=error))
    else:
        diff = masked(change.difference())
        work.results.append(Result(client, outcome, change.piece.path, "user", diff=diff))


def _relay(work: Work, client: Client) -> Sequence[str]:
    return own_command(work.daemon.home, client.name)


def _wake(work: Work, client: Client) -> Sequence[str]:
    """Return the command that waits, with what was said of its habits."""
    options = work.options
    said = {"--quiet": options.quiet, "--per-hour": options.per_hour, "--per-day": options.per_day}
    words = [word for name, value in said.items() if value is not None for word in (name, str(value))]
    return [*own_program(work.daemon.home), "wake", "--as", client.name, *words]
