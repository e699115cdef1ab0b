"""An answerer that follows a script, for tests and benches: what the others do by accident it does when told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from warmline.model import Claim, Draft, Message, Outcome, Recollection
from warmline.protocols import Said, unheard


class QuoteFirst:
    """A step: answer at once with the best passage, or with insufficient evidence when there is none."""


@dataclass(frozen=True, slots=True)
class After:
    """A step: hang until the event is set, then take the other step."""

    event: asyncio.Event
    then: Draft | Exception | QuoteFirst


Step = Draft | Exception | QuoteFirst | After
"""What to do with one question: return this draft, raise this error, quote, or hang first.

An AnswererError is how an answerer fails; any other exception plays a bug, and breaks the contract.
"""


class ScriptedAnswerer:
    """Takes one step of its script for each question, and the last step for every question after that.

    An empty script quotes. asked holds every question in the order of asking, cancelled ones too.
    """

    name = "scripted"

    def __init__(self, script: Iterable[Step] = ()) -> None:
        self._script = list(script) or [QuoteFirst()]
        self._someone_asks = asyncio.Condition()
        self.asked: list[Message] = []

    async def answer(self, question: Message, recollection: Recollection, said: Said = unheard) -> Draft:
        """Take the next step of the script."""
        step = self._script[min(len(self.asked), len(self._script) - 1)]
        self.asked.append(question)
        async with self._someone_asks:
            self._someone_asks.notify_all()
        if isinstance(step, After):
            await step.event.wait()
            step = step.then
        if isinstance(step, Exception):
            raise step
        return _quote_first(recollection) if isinstance(step, QuoteFirst) else step

    async def until_asked(self, count: int) -> None:
        """Wait, without a limit, until this many questions were asked."""
        async with self._someone_asks:
            await self._someone_asks.wait_for(lambda: len(self.asked) >= count)


def _quote_first(recollection: Recollection) -> Draft:
    if not recollection.passages:
        return Draft(Outcome.INSUFFICIENT_EVIDENCE, "The script was given no passages.")
    first = recollection.passages[0]
    claim = Claim(first.path, first.first_line, first.last_line, first.text)
    return Draft(Outcome.ANSWERED, None, (claim,))
