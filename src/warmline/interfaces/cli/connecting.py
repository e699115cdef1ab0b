"""What `connect` does with entries: plan each, show it, have it agreed, and do it. What wakes a client comes beside."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from warmline.errors import ConfigurationError, DaemonError, ForeignEntryError, InvalidInputError, WarmlineError
from warmline.interfaces.cli.client import Client as Daemon
from warmline.interfaces.cli.client_credentials import end, ensure
from warmline.interfaces.cli.output import harmless
from warmline.operations.connect import placing
from warmline.operations.connect.clients import Client, Http, Person, Scope
from warmline.operations.connect.command import own_command
from warmline.operations.connect.language import Entry
from warmline.operations.connect.placing import Plan
from warmline.operations.connect.record import Place, Record
from warmline.operations.wake.pieces import Change

USUAL_URL = "http://127.0.0.1:9276/mcp"
"""Where a daemon listens over TCP that was told nothing else."""


Planned = Plan | Change
"""What would become of one file of a client: of its configuration, or of what wakes it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one file of a client, or what was wrong with it."""

    client: Client
    outcome: str
    path: str | None = None
    scope: Scope | None = None
    entry: Entry | None = None
    diff: str = ""
    backup: str | None = None
    error: WarmlineError | None = None
    by_hand: str | None = None
    """What a person puts there themselves, where that is no entry."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the steps of one command share."""

    options: argparse.Namespace
    clients: Sequence[Client]
    missing: Sequence[Client]
    """Those of them that were not installed when it began: what is written makes them look so."""
    record: Record
    person: Person
    daemon: Daemon
    results: list[Result] = field(default_factory=list)

    def note(self, plan: Planned, outcome: str, *, backup: object = None, error: WarmlineError | None = None) -> None:
        """Note what came of a plan."""
        kept, diff = None if backup is None else str(backup), plan.difference(masked)
        self.results.append(Result(plan.client, outcome, str(plan.path), plan.scope, plan.entry, diff, kept, error))

    def rehearsed(self) -> Work:
        """Return the same work, of which nothing is noted: to plan what is planned again when its time has come."""
        return replace(self, results=[])


def masked(text: str) -> str:
    """Mask what stands around an entry: others have keys in theirs."""
    from warmline.security.redaction import redact

    return redact(text).text


def only_show(work: Work, plans: Iterable[Planned]) -> None:
    """Note what would be written."""
    for plan in plans:
        work.note(plan, "unchanged" if plan.after is None else "would be written")


def put_in(work: Work, plans: Iterable[Plan]) -> list[Client]:
    """Put the entries in, and return the clients that are connected now.

    A client without a good credential gets one, and none when its entry cannot be written.
    """
    connected = list[Client]()
    for plan in plans:
        try:
            is_new = ensure(work.daemon, plan.client.name, work.record)
            backup = _put(work, plan, is_new=is_new)
        except WarmlineError as error:
            work.note(plan, "refused", error=error)
        else:
            work.note(plan, "connected" if is_new or plan.after is not None else "unchanged", backup=backup)
            connected.append(plan.client)
    return connected


def take_out(work: Work, plans: Sequence[Plan]) -> None:
    """Take the entries out; a client that has none any more, and is not woken either, loses its credential."""
    for plan in reversed(plans):  # who came first may have made a folder that others lie in
        try:
            backup = placing.take(plan, work.record)
        except ConfigurationError as error:
            work.note(plan, "refused", error=error)
        else:
            work.note(plan, "gone already" if plan.after is None else "disconnected", backup=backup)
    for client in work.clients:
        known = work.record.of(client.name)
        if known.credential is not None and not known.places and not known.pieces:
            end(work.daemon, client.name, work.record)


def plans_to_put(work: Work) -> list[Plan]:
    """Plan the entries of the clients; what cannot be planned is noted as refused."""
    plans = list[Plan]()
    scope: Scope = work.options.scope or "user"
    for client in work.clients:
        entry, path = _entry(work, client), client.path(work.person, scope)
        known = work.record.of(client.name).place(path)
        try:
            plans.append(placing.plan_putting(client, path, scope, entry, known))
        except (ConfigurationError, ForeignEntryError) as error:
            work.results.append(Result(client, "refused", str(path), scope, entry, error=error))
    return plans


def plans_to_take(work: Work) -> list[Plan]:
    """Plan to take out what was put in for the clients; what cannot be planned is noted as refused."""
    plans = list[Plan]()
    for client in work.clients:
        places = _places(work, client)
        if not places:
            work.results.append(_not_connected(work, client))
        for place in places:
            try:
                plans.append(placing.plan_taking(client, place))
            except (ConfigurationError, ForeignEntryError) as error:
                work.results.append(Result(client, "refused", place.path, place.scope, place.entry, error=error))
    return plans


def _not_connected(work: Work, client: Client) -> Result:
    """Tell that nothing was put there; an entry that stands there all the same, such as a lost home's, is shown."""
    scope: Scope = work.options.scope or "user"
    path, ours = client.path(work.person, scope), client.stdio(own_command(work.daemon.home, client.name))
    try:
        placing.check_absent(client, path, ours)
    except ForeignEntryError as error:
        return Result(client, "refused", str(path), scope, ours, error=error)
    except ConfigurationError:
        pass  # what cannot be read holds nothing that a program put there
    return Result(client, "not connected")


def _places(work: Work, client: Client) -> Sequence[Place]:
    """Return what was put in for a client: all, or what the scope's file here has."""
    places, scope = work.record.of(client.name).places, work.options.scope
    if scope is None:
        return places
    path = str(client.path(work.person, scope))
    return [each for each in places if each.path == path]


def _put(work: Work, plan: Plan, *, is_new: bool) -> object:
    try:
        return placing.put(plan, work.record)
    except BaseException:
        if is_new and not work.record.of(plan.client.name).places:
            end(work.daemon, plan.client.name, work.record)
        raise


def _entry(work: Work, client: Client) -> Entry:
    """Return what the client's configuration is to say. Raises InvalidInputError."""
    home = work.daemon.home
    if work.options.http:
        return client.http(Http(_url(work), home.client_token(client.name), client.variable))
    return client.stdio(own_command(home, client.name))


def _url(work: Work) -> str:
    """Return where the daemon serves MCP over HTTP; where it is not to be started, as far as is known."""
    try:
        status = work.daemon.call("GET", "/v1/status")
    except DaemonError:
        if work.options.only_print:
            return USUAL_URL
        raise
    if not status["address"]:
        raise InvalidInputError("the daemon listens on no TCP port, so there is no HTTP: leave --http away")
    return f"{'https' if status['tls'] else 'http'}://{status['address']}/mcp"


def have_it_agreed(work: Work, plans: Sequence[Planned]) -> None:
    """Show the person at the terminal what would change, and ask. Raises InvalidInputError when it is not to be."""
    changes = [plan for plan in plans if plan.after is not None]
    if not changes:
        return
    if not work.options.json:
        for plan in changes:
            print(harmless(plan.difference(masked)), end="", flush=True)
    if work.options.yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInputError("nothing was changed: nobody can be asked here, so say --yes if it is right")
    print("Shall this be written? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidInputError("nothing was changed")
