"""A model that does what one does who is told that messages wait: fetches them, and marks them as read."""

from __future__ import annotations

import json
import re

from scripted_model.dialect import Asked, Call
from scripted_model.server import ScriptedModel

_WOKEN = re.compile(r"\d+ messages? waits? for you on the warmline line")
_BATCH = re.compile(r"batch: (\w+)")


class WakingModel(ScriptedModel):
    """Calls receive_messages in each turn that began with a wake, until nothing comes."""

    def __init__(self) -> None:
        super().__init__(())

    @property
    def wakes(self) -> list[str]:
        """What the agent was told when it was woken, each time, in the conversation that heard the most of it."""
        return max((_wakes(asked) for _, asked in list(self.requests)), key=len, default=[])

    @property
    def sent_before_fetching(self) -> str:
        """All that the agent was sent, whole, before a tool had returned anything."""
        return "\n".join(json.dumps(body) for body, asked in list(self.requests) if not asked.results)

    @property
    def turns(self) -> int:
        """How many turns of agents, who have tools, are over."""
        return sum(bool(asked.tools) and self.next(asked) is None for _, asked in list(self.requests))

    def next(self, asked: Asked) -> Call | None:
        places = [place for place, each in enumerate(asked.heard) if not each.is_result and _WOKEN.search(each.text)]
        if not places or not asked.tools:
            return None
        results = [each.text for each in asked.heard[places[-1] :] if each.is_result]
        if not results:
            return Call("receive_messages", {"wait_seconds": 0})
        batch = _BATCH.search(results[-1])
        return Call("receive_messages", {"wait_seconds": 0, "done": batch[1]}) if batch else None


def _wakes(asked: Asked) -> list[str]:
    return [found[0] for each in asked.heard if not each.is_result for found in _WOKEN.finditer(each.text)]
