"""The part of `connect` by which a client is woken: planned, and done once it is agreed and its entry stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.errors import ConfigurationError, ForeignEntryError, InvalidInputError, WarmlineError
from warmline.interfaces.cli.connecting import Result, Work
from warmline.operations.connect.command import own_command, own_program
from warmline.operations.wake import pieces
from warmline.operations.wake.pieces import WAKEABLE, Change

if TYPE_CHECKING:
    from warmline.operations.connect.clients import Client

WOKEN = "will be woken"


def plans_to_put(work: Work, clients: Iterable[Client]) -> list[Change]:
    """Plan what wakes these clients. What cannot be planned is noted; so are those that nothing wakes."""
    plans = list[Change]()
    for client in clients:
        if client.name not in WAKEABLE:
            work.results.append(_unwakeable(work, client))
            continue
        home = work.daemon.home
        for piece in pieces.pieces_of(client.name, work.person, own_command(home, client.name), _wake(work, client)):
            known = work.record.of(client.name).piece(Path(piece.path))
            try:
                plans.append(pieces.plan_putting(client, piece, known))
            except (ConfigurationError, ForeignEntryError) as error:
                work.results.append(Result(client, "refused", piece.path, "user", error=error, by_hand=piece.text))
    return plans


def plans_to_take(work: Work) -> list[Change]:
    """Plan to take out what wakes the clients; what cannot be planned is noted as refused."""
    plans = list[Change]()
    for client in work.clients:
        known = work.record.of(client.name).pieces
        if work.options.wake and not known:
            work.results.append(Result(client, "not woken"))
        for piece in known:
            try:
                plans.append(pieces.plan_taking(client, piece))
            except (ConfigurationError, ForeignEntryError) as error:
                work.results.append(Result(client, "refused", piece.path, "user", error=error))
    return plans


def put_in(work: Work, plans: Iterable[Change]) -> None:
    """Put in what wakes the clients."""
    for plan in plans:
        _do(work, plan, "unchanged" if plan.after is None else WOKEN)


def take_out(work: Work, plans: Sequence[Change]) -> None:
    """Take out what wakes the clients, the newest first: who came first may have made a folder that others lie in."""
    for plan in reversed(plans):
        _do(work, plan, "gone already" if plan.after is None else "is woken no more")


def _do(work: Work, plan: Change, outcome: str) -> None:
    do = pieces.take if work.options.undo else pieces.put
    try:
        do(plan, work.record)
    except WarmlineError as error:
        work.note(plan, "refused", error=error)
    else:
        work.note(plan, outcome)


def _unwakeable(work: Work, client: Client) -> Result:
    """Note it of all that are installed; refuse it to who named that client."""
    text = f"nothing wakes {client.title}: have its agent wait with the tool receive_messages"
    return (
        Result(client, "cannot be woken")
        if work.options.all
        else Result(client, "refused", error=InvalidInputError(text))
    )


def _wake(work: Work, client: Client) -> Sequence[str]:
    """Return the command that waits, with what was said of its habits."""
    options = work.options
    said = {"--quiet": options.quiet, "--per-hour": options.per_hour, "--per-day": options.per_day}
    words = [word for name, value in said.items() if value is not None for word in (name, str(value))]
    return [*own_program(work.daemon.home), "wake", "--as", client.name, *words]
