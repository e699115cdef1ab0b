"""The crew: all configured agents behind one answerer, and the embedded one for when there is none.

    desk -> an idle worker, or the fair queue -> Supervisor.serve -> the draft
         -> AgentError: the agent pauses, and the question goes back into the queue
         -> AnswererError: the question is the dispatcher's again
         -> no agent is configured, or all are down and it is allowed: the fallback

How one agent is kept at work stands in `supervisor.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from warmline.agents import AgentReport, AgentState, Configuration, Tested
from warmline.crew.pool import Hire
from warmline.crew.room import Room
from warmline.crew.supervisor import Supervisor
from warmline.crew.timers import Timers
from warmline.crew.trial import TRIAL, trial_question
from warmline.crew.waiting import Seat, Ticket
from warmline.crew.workshop import Workshop
from warmline.errors import AgentError, AnswererError, UnknownAgentError
from warmline.model import Draft, Message, Outcome, Recollection
from warmline.protocols import Answerer, Clock, Said, unheard
from warmline.retelling import Retelling
from warmline.settings import AgentSettings
from warmline.workers import Machine

logger = logging.getLogger(__name__)

_MILLISECOND = timedelta(milliseconds=1)
_NOTHING = Recollection((), 0.0)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a dispatcher brings the questions for one agent, or for any. Satisfies protocols.Answerer."""

    crew: Crew
    agent: str | None
    name: str

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        """Have a worker answer as soon as one is free that may. Raises AnswererError, AgentError never."""
        if self.agent is None and self.crew.is_empty:
            return await self.crew.fallback.answer(question, recollection, said)
        return await self.crew.answer(Ticket(question, self.agent), recollection, said)


class Crew:
    """A Service that keeps the configured agents at work; at its end no worker is left.

    fallback answers while no agent is configured. Until `apply` was called, none is.
    """

    def __init__(
        self,
        hire: Hire,
        fallback: Answerer,
        *,
        generation: Callable[[], int],
        clock: Clock,
        settings: AgentSettings,
        machine: Machine,
    ) -> None:
        self.fallback = fallback
        self.is_empty = True
        """Whether there is no agent that could be asked, ever: all goes to the fallback, as its own."""
        self._workshop = Workshop(
            clock=clock,
            settings=settings,
            hire=hire,
            generation=generation,
            room=Room(machine, settings),
            changed=self._changed,
            timers=Timers(clock),
        )
        self._agents: dict[str, Supervisor] = {}
        self._configuration = Configuration()
        self._is_leaving = False

    @property
    def is_warm(self) -> bool:
        """Whether there is a worker, or one is being started."""
        return any(agent.is_warm for agent in self._agents.values())

    def desk(self, agent: str | None) -> Answerer:
        """Return where questions for this agent are answered, or for any. One that there is not (yet) is waited for."""
        return Desk(self, agent, agent or self.fallback.name)

    async def run(self) -> None:
        """Keep the agents at work until cancelled; then end all their workers."""
        async with asyncio.TaskGroup() as group:
            self._workshop.group = group
            self._changed()
            try:
                await self._workshop.timers.run()
            finally:
                self._workshop.group = None

    def leave(self) -> None:
        """Let nobody wait for a worker any more: who does is cancelled. Questions that are being answered go on."""
        self._is_leaving = True
        for ticket in self._workshop.waiting:
            self._send_away(ticket)

    async def apply(self, configuration: Configuration) -> None:
        """Go by this configuration from now on. Agents that stand in it as before are not touched.

        Of those that are gone or changed, each worker ends after its question in progress. One that could not be read
        changes nothing, but is remembered while there is no agent.
        """
        if configuration.trouble is not None and self._agents:
            logger.warning("configuration not read", extra={"reason": configuration.trouble})
            return
        before, self._agents, self._configuration = self._agents, {}, configuration
        for plan in configuration.agents:
            agent = before.get(plan.name)
            if agent is not None and agent.adopt(plan):
                del before[plan.name]
            else:
                agent = Supervisor(plan, self._workshop)
            self._agents[plan.name] = agent
        for agent in before.values():
            agent.leave()
        is_there = any(not plan.drained for plan in configuration.agents)
        self.is_empty = not (is_there or configuration.problems or configuration.trouble)
        self._changed()

    def reports(self) -> tuple[AgentReport, ...]:
        """Tell how all agents stand, in the order of the configuration."""
        return tuple(agent.report() for agent in self._agents.values())

    def report(self, name: str) -> AgentReport:
        """Tell how one agent stands. Raises UnknownAgentError."""
        return self._agent(name).report()

    async def restart(self, name: str) -> None:
        """Have all workers of an agent replaced, without a pause; one that is down is tried at once.

        Returns when that has begun. Raises UnknownAgentError.
        """
        self._agent(name).restart()

    async def test(self, name: str) -> Tested:
        """Put a real question to an agent; one that is down is tried at once. Raises UnknownAgentError."""
        agent, clock = self._agent(name), self._workshop.clock
        limit = self._workshop.settings.start + agent.plan.turn_limit
        began = clock.now()
        try:
            draft = await self._workshop.timers.within(limit, self._try(agent))
        except TimeoutError:
            reason = f"it did not answer within {limit}"
        except AnswererError as error:
            reason = str(error)
        else:
            return Tested(True, draft.outcome, draft.text, (clock.now() - began) / _MILLISECOND)
        return Tested(False, None, None, (clock.now() - began) / _MILLISECOND, reason)

    async def answer(self, ticket: Ticket, recollection: Recollection, said: Said) -> Draft:
        """Have the question answered by whoever may; AgentErrors stay in here. Raises AnswererError."""
        retelling = Retelling()

        def hear(piece: str) -> None:
            if fresh := retelling.go_on(piece):
                said(fresh)

        heard = unheard if said is unheard else hear
        seat = await self._seat(ticket)
        while not isinstance(seat, str):
            try:
                return await seat.serve(ticket.question, recollection, heard)
            except AgentError as error:
                self._blame(ticket, error)
            retelling.begin()
            seat = await self._seat(ticket, is_again=True)
        draft = await self.fallback.answer(ticket.question, recollection, heard)
        return replace(draft, author=draft.author or self.fallback.name, in_place_of=seat or None)

    async def _try(self, agent: Supervisor) -> Draft:
        """Have an agent answer the trial: beside what it is doing, when all its workers are busy and it can."""
        agent.try_now()
        reply = await agent.aside(TRIAL)
        if reply is not None:
            return Draft(Outcome.ANSWERED, reply)
        ticket = Ticket(trial_question(self._workshop.clock.now()), agent.plan.name, is_test=True)
        return await self.answer(ticket, _NOTHING, unheard)

    async def _seat(self, ticket: Ticket, *, is_again: bool = False) -> Seat | str:
        """Wait for a worker, or return why the fallback is to answer. Who is cancelled keeps none from others."""
        for agent in self._agents.values():
            taken = agent.take(ticket)
            if taken is not None:
                return taken
        waiting = self._workshop.waiting
        ticket.handed = asyncio.get_running_loop().create_future()
        (waiting.put_back if is_again else waiting.put)(ticket)
        if self._is_leaving:
            self._send_away(ticket)
        self._see_to(ticket)
        self._tend()
        try:
            return await ticket.handed
        except asyncio.CancelledError:
            waiting.remove(ticket)
            if ticket.handed.done() and not ticket.handed.cancelled() and not ticket.handed.exception():
                seat = ticket.handed.result()
                if not isinstance(seat, str):
                    seat.free()
            raise

    def _blame(self, ticket: Ticket, error: AgentError) -> None:
        """Let a question go on waiting, unless agents fail at it again and again and answer others in between."""
        answers = sum(agent.answered for agent in self._agents.values())
        if answers != ticket.answers_seen:
            ticket.returns += 1
            ticket.answers_seen = answers
        if ticket.returns > self._workshop.settings.returns:
            raise AnswererError(f"failed {ticket.returns} times while others were answered: {error}") from error

    def _changed(self) -> None:
        """See who of those that wait need wait no longer, and which workers are wanted."""
        for ticket in self._workshop.waiting:
            self._see_to(ticket)
        self._tend()

    def _see_to(self, ticket: Ticket) -> None:
        """Let a question go to the fallback if that is to answer now; end a trial of an agent that does not work."""
        if ticket.handed.done():
            return
        if ticket.is_test:
            trouble = self._trouble_of(ticket)
            if trouble is not None:
                self._workshop.waiting.remove(ticket)
                ticket.handed.set_exception(AgentError(trouble))
            return
        reason = self._instead(ticket)
        if reason is not None:
            self._workshop.waiting.remove(ticket)
            ticket.handed.set_result(reason)

    def _send_away(self, ticket: Ticket) -> None:
        self._workshop.waiting.remove(ticket)
        if ticket.is_test and not ticket.handed.done():
            ticket.handed.set_exception(AgentError("the daemon leaves: try again"))
        ticket.handed.cancel()

    def _trouble_of(self, ticket: Ticket) -> str | None:
        agent = self._agents.get(ticket.agent or "")
        if agent is None:
            return "it was removed"
        return None if agent.may_start else agent.reason or f"it is {agent.state}"

    def _instead(self, ticket: Ticket) -> str | None:
        """Say why the fallback is to answer: in nobody's place ("") when nobody is there. None: it is not to."""
        if self.is_empty and ticket.agent is None:
            return ""
        trouble = self._configuration.trouble
        if trouble is not None and ticket.agent is None:
            return f"no agent can be used: {trouble}"
        there = [agent for agent in self._agents.values() if ticket.agent in (None, agent.plan.name)]
        there = [agent for agent in there if agent.state is not AgentState.DRAINED]
        if not self._configuration.fallback or any(agent.state is not AgentState.DOWN for agent in there):
            return None
        problems = self._configuration.problems.items()
        reasons = [f"{agent.plan.name} is down: {agent.reason}" for agent in there]
        reasons += [f"{name} cannot be used: {why}" for name, why in problems if ticket.agent in (None, name)]
        return "; ".join(reasons) or None

    def _tend(self) -> None:
        """Have workers started where they are wanted, one for a question at most, in the agents' order."""
        if self._workshop.group is None:
            return
        pools = [(agent, pool) for agent in self._agents.values() for pool in agent.pools]
        coming = sum(pool.starting is not None and pool.replaced is None for _, pool in pools)
        for agent, pool in pools:
            if pool.may_start_one:
                coming += agent.tend(pool, self._workshop.waiting.count(pool.fits) - coming)

    def _agent(self, name: str) -> Supervisor:
        agent = self._agents.get(name)
        if agent is None:
            there = ", ".join(self._agents) or "none"
            raise UnknownAgentError(f"no agent is called {name!r}; there are: {there}")
        return agent
