"""A verb on its way through a store, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from warmline.stores.transaction import News, Transaction

Verb = Callable[[Transaction], Any]
Undo = Callable[[Transaction, Any], None]


@dataclass(slots=True, eq=False)
class Job:
    """A verb on its way.

    synced: what it writes is to survive a power cut. early: its result stays inside, and is given before that. aside:
    it may take long, and is to run off the event loop. One with a parking place waits there while its verb returns
    None. undo is the verb that takes its result back when nobody waits for it any more. granted is that result, once
    it was leased.
    """

    verb: Verb
    synced: bool
    done: asyncio.Future[Any]
    parking: int | None = None
    undo: Undo | None = None
    early: bool = False
    aside: bool = False
    checkpointed: bool = False
    abandoned: bool = False
    granted: Any = None


Results = list[tuple[Job, Any]]


class Done(NamedTuple):
    """What came of a transaction that is committed, or failed. unsynced: something is to survive a power cut."""

    results: Results
    news: News
    unsynced: bool


def give(results: Results) -> None:
    """Hand results to their callers; each gets the first that there is."""
    for job, result in results:
        if job.done.done():
            continue  # its caller has left, and abandoned it if it was parked
        if isinstance(result, Exception):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)
