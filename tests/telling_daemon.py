"""A daemon whose answerer says what the question tells it to. Usage: as `warmline`.

A question is a JSON object: say (pieces), fail (after how many hand-overs it fails no more), until (a named pipe: the
answer comes once it was opened for writing), and text, the answer; in_place_of. KEY in any of it is a secret.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from leaks import AWS
from warmline import app
from warmline.errors import AnswererError
from warmline.interfaces.cli.main import main
from warmline.model import Draft, Message, MessageId, Outcome, Recollection
from warmline.protocols import Said, unheard


class Telling:
    """Says the pieces, and then does what it was told."""

    name = "telling"

    def __init__(self, _min_confidence: float) -> None:
        self._tries: dict[MessageId, int] = {}

    async def answer(self, question: Message, _recollection: Recollection, said: Said = unheard) -> Draft:
        told = json.loads(question.body.replace("KEY", AWS))
        for piece in told["say"]:
            said(piece)
        if "until" in told:
            await asyncio.to_thread(Path(told["until"]).read_bytes)
        tried = self._tries[question.id] = self._tries.get(question.id, 0) + 1
        if tried <= told.get("fail", 0):
            raise AnswererError("the model is away")
        return Draft(Outcome.ANSWERED, told["text"], in_place_of=told.get("in_place_of"))


if __name__ == "__main__":
    vars(app)["ExtractiveAnswerer"] = Telling
    sys.exit(main())
