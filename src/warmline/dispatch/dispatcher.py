"""The dispatcher ("autopoll"): joins waiting questions and idle answerers, and nothing else.

    Store.lease -> Recall.passages -> Answerer.answer -> Verifier.verify -> redact -> Store.settle
                                   or retry.delay -> nack | bury; on shutdown -> release

Answerer and verifier get what the files hold; what is kept and shown of it has its secrets masked.

A control message that asks for a shutdown is done, and told to who made the dispatcher.

What the answerer says while it writes goes to whoever hears it, masked, and is nothing but a hint.

It meets askers only in the store. One worker serves one question at a time; a failing question, or a
bug in an answerer, costs that question a try and its neighbours nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from warmline.dispatch import retry
from warmline.dispatch.heartbeat import Heartbeat
from warmline.dispatch.speech import SpeechOfLease
from warmline.errors import AnswererError, ConflictError, StoreClosedError, StoreError
from warmline.ids import new_message_id
from warmline.model import SHUTDOWN, Answer, Kind, Lease, Mailbox, Message
from warmline.protocols import Answerer, Clock, Heard, Recall, Store, Verifier, heard_by_nobody
from warmline.security.masking import Masking, Redact
from warmline.security.redaction import redact_aside
from warmline.settings import DispatchSettings
from warmline.verdict import conclude

logger = logging.getLogger(__name__)

AFTER_STORE_TROUBLE = timedelta(seconds=1)

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a dispatcher joins. redact masks the secrets of every text that is kept of an answer or a failure.

    heard is called on the event loop when more is said of an answer that is being written.
    """

    store: Store
    recall: Recall
    verifier: Verifier
    answerer: Answerer
    clock: Clock
    redact: Redact = redact_aside
    heard: Heard = heard_by_nobody


class Dispatcher:
    """A Service with a fixed number of workers on one mailbox.

    asked_to_leave is called on the event loop whenever a control message asked for a shutdown.
    """

    def __init__(
        self,
        parts: Parts,
        mailbox: Mailbox,
        settings: DispatchSettings,
        *,
        holder: str,
        asked_to_leave: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._mailbox = mailbox
        self._settings = settings
        self._holder = holder
        self._asked_to_leave = asked_to_leave
        self._heartbeat = Heartbeat(parts.store, parts.clock, settings)
        self._draining = False
        self._ended = False
        self._workers: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Serve questions until cancelled, or until `drain` and the last answer in progress.

        Cancelled, it releases what it holds, without blame.
        """
        async with asyncio.TaskGroup() as self._group:
            heartbeat = self._group.create_task(self._heartbeat.run(), name="heartbeat")
            self._workers = {
                self._group.create_task(self._work(f"{self._holder}/{number}"), name=f"worker {number}")
                for number in range(1, self._settings.workers + 1)
            }
            try:
                await asyncio.wait(self._workers)
                while self._busy:
                    await asyncio.wait(self._busy.copy())
            finally:
                self._ended = True
                heartbeat.cancel()

    async def drain(self) -> None:
        """Lease nothing more, give the answers in progress settings.drain to finish, release the rest."""
        self.retire()
        deadline = asyncio.get_running_loop().time() + self._settings.drain.total_seconds()
        while self._busy:  # a worker that has its answer leaves behind the task that settles it
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(self._busy.copy(), timeout=left)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def retire(self) -> None:
        """Lease nothing more; `run` returns after the last answer in progress."""
        self._draining = True
        for worker in self._workers - self._busy:
            worker.cancel()

    async def _work(self, holder: str) -> None:
        """Lease and answer, one question after the other.

        An answer is settled beside the next lease: the two travel to the store together.
        """
        me = asyncio.current_task()
        assert me is not None  # noqa: S101  # a coroutine of ours always runs in a task
        while not self._draining:
            try:
                lease = await self._store.lease(self._mailbox, holder, self._settings.lease)
                self._busy.add(me)
                reply = await self._try(lease)
                if reply is not None:
                    self._settle(lease, reply)
            except StoreClosedError:
                return
            except StoreError as error:
                logger.warning("store in trouble", extra={"reason": str(error)})
                await self._parts.clock.sleep(AFTER_STORE_TROUBLE)
            finally:
                self._busy.discard(me)

    async def _try(self, lease: Lease) -> Message | None:
        """Return the answer's message, or None once a failure, a lost lease or an end was dealt with."""
        try:
            if lease.message.kind is not Kind.QUESTION:
                await self._obey(lease)
                return None
            return await self._reply(lease)
        except AnswererError as error:
            await self._fail(lease, str(error))
        except StoreError as error:
            logger.warning("store in trouble", extra={**_fields(lease), "reason": str(error)})
            await self._give_back(lease)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(lease))
            raise
        except Exception as bug:  # a bug in one answerer must not stop its neighbours
            logger.exception("answerer broke", extra=_fields(lease))
            await self._fail(lease, f"{self._parts.answerer.name} broke: {type(bug).__name__}: {bug}")
        return None

    async def _obey(self, lease: Lease) -> None:
        """Do what a message that is no question asks for; done first, so that it is not asked twice."""
        try:
            await self._store.done(lease)
        except ConflictError:
            logger.warning("lease lost", extra=_fields(lease))
            return
        if lease.message.kind is Kind.CONTROL and lease.message.body.strip() == SHUTDOWN:
            logger.info("asked to leave", extra=_fields(lease))
            self._asked_to_leave()

    def _settle(self, lease: Lease, reply: Message) -> None:
        """Send an answer off; what becomes of it is seen to when it is known."""
        settling = self._store.settle(lease, reply)
        self._busy.add(settling)
        settling.add_done_callback(partial(self._settled, lease))

    def _settled(self, lease: Lease, settling: asyncio.Future[None]) -> None:
        """Drop an answer that came late; one that the store cannot take now is to be given again."""
        self._busy.discard(settling)
        error = None if settling.cancelled() else settling.exception()
        if isinstance(error, ConflictError):
            logger.warning("lease lost", extra=_fields(lease))
        elif error is not None and not self._ended:
            logger.warning("answer not stored", extra={**_fields(lease), "reason": str(error)})
            self._keep_busy(self._give_back(lease))

    def _keep_busy(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `drain` and `run` wait for this work, too."""
        task = self._group.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _reply(self, lease: Lease) -> Message | None:
        """Make the answer's message, or return None when the question ended or the lease was lost."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                with (
                    self._heartbeat.hold(lease, scope) as held,
                    self._store.watching(lease.message.id, held.lose),
                ):
                    return await self._answer(lease)
        except TimeoutError:
            if not scope.expired():
                raise
            logger.info("work stopped", extra=_fields(lease))
            return None

    async def _answer(self, lease: Lease) -> Message:
        clock = self._parts.clock
        leased_at = clock.now()
        memories = lease.message.memories
        within = None if memories is None else frozenset(memories)
        recollection = await self._parts.recall.passages(lease.message.body, self._settings.passages, within)
        recalled_at = clock.now()
        speech = SpeechOfLease(self._parts.heard, lease)
        try:
            draft = await self._parts.answerer.answer(lease.message, recollection, speech.hear)
        finally:
            speech.end()
        answered_at = clock.now()
        citations = await self._parts.verifier.verify(draft.claims, within)
        verified_at = clock.now()
        timings = {
            "queued": _ms(lease.message.sent_at, leased_at),
            "recall": _ms(leased_at, recalled_at),
            "answer": _ms(recalled_at, answered_at),
            "verify": _ms(answered_at, verified_at),
            "total": _ms(lease.message.sent_at, verified_at),
        }
        answer = conclude(draft, citations, self._parts.answerer.name, timings)
        return self._message(lease, await Masking(self._parts.redact).answer(answer), verified_at)

    def _message(self, lease: Lease, answer: Answer, now: datetime) -> Message:
        question = lease.message
        return Message(
            id=new_message_id(now),
            conversation=question.conversation,
            sender=answer.author,
            kind=Kind.ANSWER,
            body=answer.text,
            sent_at=now,
            trace=question.trace,
            hops=question.hops + 1,
            in_reply_to=question.id,
            answer=answer,
        )

    async def _fail(self, lease: Lease, reason: str) -> None:
        """Nack with backoff, or bury after the last failure; when the store cannot, the lease lapses."""
        reason, _ = await self._parts.redact(reason)
        fields = {**_fields(lease), "reason": reason}
        try:
            if retry.is_last(lease.failures, self._settings):
                await self._store.bury(lease, reason)
                logger.warning("question buried", extra=fields)
            else:
                delay = retry.delay(lease.failures, random.random(), self._settings)  # noqa: S311  # jitter, no secret
                await self._store.nack(lease, reason, delay)
                logger.info("question failed", extra={**fields, "again_in": str(delay)})
        except (ConflictError, StoreError) as error:
            logger.warning("failure not noted", extra={**fields, "trouble": str(error)})

    async def _give_back(self, lease: Lease) -> None:
        """Release a question that is not to blame for the store's trouble, once the store can, or let it lapse."""
        while True:
            await self._parts.clock.sleep(AFTER_STORE_TROUBLE)
            try:
                return await self._store.release(lease)
            except (ConflictError, StoreClosedError):
                return None
            except StoreError as error:
                logger.warning("store in trouble", extra={"reason": str(error)})

    async def _release(self, lease: Lease) -> None:
        try:
            await self._store.release(lease)
        except (ConflictError, StoreError) as error:
            logger.info("lease not released", extra={**_fields(lease), "reason": str(error)})


def _fields(lease: Lease) -> Mapping[str, object]:
    return {"question": lease.message.id, "delivery": lease.deliveries, "holder": lease.holder}


def _ms(start: datetime, end: datetime) -> float:
    return (end - start) / _MILLISECOND
