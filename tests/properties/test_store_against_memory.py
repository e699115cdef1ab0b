"""Whatever is done in whatever order, the store on SQLite is the store in memory, to every last field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from manual_clock import ManualClock
from sealing import BY
from store_cases import ADAS, BOBS, MAX_LAPSES, OTHER_MAILBOX, TEAM, a_credential, a_hash, a_note, a_question, an_answer
from two_stores import Side, TwoStores
from warmline.limits import Limits
from warmline.model import MEMORY_MAILBOX, OWNER_MAILBOX, CredentialId, Kind, Mailbox, Message, MessageId, State
from warmline.parties import Conversation, Participant, Policy
from warmline.protocols import QuestionFilter
from warmline.settings import StoreSettings

pytestmark = pytest.mark.timeout(400)  # to find the shortest story of a failure takes minutes

mailboxes = st.sampled_from([MEMORY_MAILBOX, OTHER_MAILBOX, ADAS, BOBS])
durations = st.sampled_from([1, 30, 31, 600, 601]).map(lambda seconds: timedelta(seconds=seconds))
delays = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(seconds=30)])
indexes = st.integers(0, 1000)
keys = st.sampled_from([None, None, "k", "l"])
bodies = st.sampled_from(["Which port?", "naïve\n“🙂”"])
speakers = st.sampled_from(["ada", "bob", "pia"])


@dataclass(frozen=True)
class Saying:
    """What a note says. in_reply_to counts the messages that were said before."""

    body: str
    key: str | None
    in_reply_to: int | None
    deadline: timedelta | None


sayings = st.builds(Saying, bodies, keys, st.none() | indexes, st.none() | durations)

NOBODYS = Mailbox(TEAM, "nobody")
LIMITS = StoreSettings(max_lapses=MAX_LAPSES, max_batch=3, max_hops=3)
BOBS_LIMITS = Limits(per_minute=3, per_hour=6, per_day=8)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Story(RuleBasedStateMachine):
    """Says everything to both stores: ada has no limits, bob has few, pia is a person."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.credentials = {
            "ada": a_credential(self.clock, "ada"),
            "bob": a_credential(self.clock, "bob", limits=BOBS_LIMITS),
            "pia": a_credential(self.clock, "pia", is_person=True),
        }
        participants = tuple(Participant(TEAM, each.name, each.is_person) for each in self.credentials.values())
        team = Conversation(TEAM, self.clock.now(), participants=participants)
        self.stores = TwoStores(LIMITS, self.clock, team)
        self.both = self.stores.both
        self.messages: list[tuple[Message, Mailbox]] = []
        self.both(lambda side: side.store.add_mailbox(OTHER_MAILBOX))
        for each in self.credentials.values():
            self.both(lambda side, it=each: side.directory.add_credential(it, a_hash(it.id), by=BY))  # type: ignore[misc]

    def teardown(self) -> None:
        self.stores.end()

    def _earlier(self, index: int) -> Message:
        return self.messages[index % len(self.messages)][0]

    def _a_note(self, speaker: str, said: Saying) -> Message:
        is_reply = self.messages and said.in_reply_to is not None
        return a_note(
            self.clock,
            self.credentials[speaker],
            said.body,
            idempotency_key=said.key,
            in_reply_to=self._earlier(said.in_reply_to or 0).id if is_reply else None,
            deadline_at=None if said.deadline is None else self.clock.now() + said.deadline,
        )

    # What is said

    @rule(
        body=bodies,
        sender=st.sampled_from(["owner", "codex"]),
        key=keys,
        deadline=st.none() | durations,
        mailbox=mailboxes,
    )
    def ask(self, body: str, sender: str, key: str | None, deadline: timedelta | None, mailbox: Mailbox) -> None:
        message = a_question(self.clock, body, sender=sender, key=key, deadline=deadline)
        self.both(lambda side: side.store.add(message, mailbox))
        self.messages.append((message, mailbox))

    @precondition(lambda self: self.messages)
    @rule(index=indexes)
    def ask_again(self, index: int) -> None:
        message, mailbox = self.messages[index % len(self.messages)]
        self.both(lambda side: side.store.add(message, mailbox))

    @rule(speaker=speakers, said=sayings, mailbox=mailboxes)
    def send(self, speaker: str, said: Saying, mailbox: Mailbox) -> None:
        note, by = self._a_note(speaker, said), self.credentials[speaker]
        self.both(lambda side: side.store.add(note, mailbox, by=by))
        self.messages.append((note, mailbox))

    @precondition(lambda self: self.stores.leases)
    @rule(speaker=speakers, said=sayings, index=indexes, mailbox=mailboxes)
    def send_and_settle(self, speaker: str, said: Saying, index: int, mailbox: Mailbox) -> None:
        note, by = self._a_note(speaker, said), self.credentials[speaker]
        self.stores.with_lease(index, lambda side, lease: side.store.add(note, mailbox, by=by, settles=lease))
        self.messages.append((note, mailbox))

    @rule(
        speaker=speakers,
        said=sayings,
        ruled=st.booleans(),
        to=st.sets(st.sampled_from([ADAS, BOBS, OWNER_MAILBOX, NOBODYS]), min_size=1),
    )
    def broadcast(self, speaker: str, said: Saying, ruled: bool, to: set[Mailbox]) -> None:  # passed by name
        note, by = self._a_note(speaker, said), self.credentials[speaker] if ruled else None
        mailboxes = sorted(to, key=lambda each: each.name)
        self.both(lambda side: side.store.broadcast(note, mailboxes, by=by))
        self.messages.append((note, mailboxes[0]))

    # Who waits

    @rule(mailbox=mailboxes, holder=st.sampled_from(["one", "two"]), duration=durations)
    def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> None:
        self.stores.wait(lambda side: side.store.lease(mailbox, holder, duration))

    @rule(mailbox=mailboxes, speaker=speakers, limit=st.integers(1, 3), duration=durations, key=keys)
    def receive(self, mailbox: Mailbox, speaker: str, limit: int, duration: timedelta, key: str | None) -> None:
        by = self.credentials[speaker]
        self.stores.wait(lambda side: side.store.receive(mailbox, by, limit, duration, key))

    @rule(mailbox=mailboxes, speaker=speakers, key=keys)
    def receive_without_waiting(self, mailbox: Mailbox, speaker: str, key: str | None) -> None:
        by, minute = self.credentials[speaker], timedelta(minutes=1)
        self.both(lambda side: side.store.receive(mailbox, by, 2, minute, key, waits=False))

    @precondition(lambda self: self.messages)
    @rule(index=indexes)
    def wait_until_ended(self, index: int) -> None:
        message_id = self._earlier(index).id
        self.stores.wait(lambda side: side.store.wait_until_ended(message_id))

    @precondition(lambda self: self.stores.waiting)
    @rule(index=indexes)
    def leave(self, index: int) -> None:
        self.stores.leave(index)

    # What is done with what was handed over

    @precondition(lambda self: self.stores.batches)
    @rule(index=indexes, speaker=speakers)
    def acknowledge(self, index: int, speaker: str) -> None:
        by = self.credentials[speaker].id
        self.stores.with_batch(index, lambda side, token: side.store.acknowledge(token, by))
        self.stores.with_batch(index, lambda side, token: side.store.held(token, by))

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes, duration=durations)
    def extend(self, index: int, duration: timedelta) -> None:
        self.stores.with_lease(index, lambda side, lease: side.store.extend(lease, duration))

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes)
    def settle(self, index: int) -> None:
        answer = an_answer(self.clock, self.stores.leases[-1 - index % len(self.stores.leases)][0].message)
        answer = replace(answer, in_reply_to=None)

        async def settle(side: Side, lease: Any) -> None:
            if lease.message.kind is not Kind.QUESTION:  # only these have an answer
                await side.store.done(lease)
                return
            await side.store.settle(lease, replace(answer, in_reply_to=lease.message.id))

        self.stores.with_lease(index, settle)

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes, delay=delays)
    def nack(self, index: int, delay: timedelta) -> None:
        self.stores.with_lease(index, lambda side, lease: side.store.nack(lease, "failed", delay))

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes)
    def be_done(self, index: int) -> None:
        self.stores.with_lease(index, lambda side, lease: side.store.done(lease))

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes)
    def release(self, index: int) -> None:
        self.stores.with_lease(index, lambda side, lease: side.store.release(lease))

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes)
    def bury(self, index: int) -> None:
        self.stores.with_lease(index, lambda side, lease: side.store.bury(lease, "buried"))

    @precondition(lambda self: self.stores.leases)
    @rule(index=indexes, to=mailboxes, deadline=st.none() | durations)
    def escalate(self, index: int, to: Mailbox, deadline: timedelta | None) -> None:
        deadline_at = None if deadline is None else self.clock.now() + deadline
        self.stores.with_lease(index, lambda side, lease: side.store.escalate(lease, to, deadline_at))

    # What is done from outside

    @precondition(lambda self: self.messages)
    @rule(
        index=indexes,
        deadline=st.none() | durations,
        verb=st.sampled_from(["cancel", "requeue", "discard", "erase", "get", "post"]),
    )
    def steer(self, index: int, deadline: timedelta | None, verb: str) -> None:
        message_id: MessageId = self._earlier(index).id
        deadline_at = None if deadline is None else self.clock.now() + deadline
        verbs: dict[str, Callable[[Side], Awaitable[Any]]] = {
            "cancel": lambda side: side.store.cancel(message_id, by=BY),
            "requeue": lambda side: side.store.requeue(message_id, deadline_at, by=BY),
            "discard": lambda side: side.store.discard(message_id, by=BY),
            "erase": lambda side: side.store.erase(message_id, by=BY),
            "get": lambda side: side.store.get(message_id),
            "post": lambda side: side.store.post(message_id),
        }
        self.both(verbs[verb])

    @rule(mailbox=mailboxes, ordered=st.booleans())
    def order(self, mailbox: Mailbox, ordered: bool) -> None:  # hypothesis passes it by name
        self.both(lambda side: side.directory.set_policy(mailbox, Policy(ordered=ordered), by=BY))

    @rule(duration=durations | delays, swept=st.booleans())
    def pass_time(self, duration: timedelta, swept: bool) -> None:  # hypothesis passes it by name
        self.clock.advance(duration)
        if swept:
            self.both(lambda side: side.store.sweep())

    @precondition(lambda self: not self.stores.waiting)
    @rule(lapsed=st.booleans())
    def reopen(self, lapsed: bool) -> None:  # hypothesis passes it by name
        self.stores.reopen()
        if lapsed:
            self.both(lambda side: side.store.lapse_all())

    @rule(
        states=st.frozensets(st.sampled_from(State), max_size=2),
        ago=st.none() | durations,
        mailbox=st.none() | mailboxes,
        any_kind=st.booleans(),
        limit=st.integers(0, 5),
    )
    def find(
        self, states: frozenset[State], ago: timedelta | None, mailbox: Mailbox | None, any_kind: bool, limit: int
    ) -> None:
        which = QuestionFilter(states, None if ago is None else self.clock.now() - ago, mailbox, any_kind)
        self.both(lambda side: side.store.questions(which, limit))
        self.both(lambda side: side.store.count(which))

    @invariant()
    def both_hold_the_same(self) -> None:
        self.stores.compare_all()
        self.both(lambda side: side.directory.conversation(TEAM))
        self.both(lambda side: side.directory.stops(BEGINNING))
        for each in self.credentials.values():
            self.both(lambda side, reader=each.id: _count_open(side, reader))  # type: ignore[misc]


async def _count_open(side: Side, reader: CredentialId) -> list[int]:
    """Return how much each open batch still holds: the tokens themselves are random."""
    tokens = await side.store.open_batches(reader)
    return [len((await side.store.held(token, reader)).leases) for token in tokens]


Story.TestCase.settings = settings(
    max_examples=25 if settings().derandomize else 100,
    stateful_step_count=30,
)
TestTheStoreOnSqliteIsTheStoreInMemory = Story.TestCase
