"""An answer as a completion: whole, or in chunks as it is written; its sources stand at the end of the text."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from warmline.interfaces.events import Event
from warmline.interfaces.fencing import place
from warmline.interfaces.views.questions import AnswerView, CitationView, SaidView

CHARACTERS_PER_TOKEN = 4
"""The usual estimate for English: an answer that no model wrote has no tokens that could be counted."""

Json = dict[str, Any]


@dataclass(slots=True)
class Writing:
    """One completion being written."""

    id: str
    model: str
    question: str
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, answer: AnswerView) -> Json:
        """Return the completion of an answer."""
        text = text_of(answer)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return {**self._head("chat.completion"), "choices": [{**choice, "logprobs": None}], "usage": self._usage(text)}

    async def chunks(self, steps: AsyncIterator[Event | None], *, with_usage: bool) -> AsyncIterator[bytes]:
        """Write the completion as it comes, in server-sent events; one that fails ends with an error.

        What was said before a hand-over that failed cannot be taken back: the answer then follows whole.
        """
        said, delivery = "", None
        yield self._chunk({"role": "assistant", "content": ""})
        async for step in steps:
            if step is None:
                yield b": \n\n"
            elif isinstance(step.data, AnswerView):
                for event in self._ended(step.data, said, with_usage=with_usage):
                    yield event
                break
            elif isinstance(step.data, SaidView) and (delivery or step.data.delivery, len(said)) == (
                step.data.delivery,
                step.data.offset,
            ):
                delivery = step.data.delivery
                said += step.data.text
                yield self._chunk({"content": step.data.text})
        else:
            yield failed(f"there is no answer yet: the question goes on, under the ticket {self.id}")
        yield b"data: [DONE]\n\n"

    def _ended(self, answer: AnswerView, said: str, *, with_usage: bool) -> Iterator[bytes]:
        if answer.outcome == "failed":
            yield failed(answer.text or "")
            return
        text = text_of(answer)
        rest = text[len(said) :] if text.startswith(said) else f"\n\n{text}"
        yield self._chunk({"content": rest})
        yield self._chunk({}, "stop")
        if with_usage:
            yield _event({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(text)})

    def _chunk(self, delta: Json, finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return _event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> Json:
        return {"id": f"chatcmpl-{self.id}", "object": kind, "created": self.created, "model": self.model}

    def _usage(self, text: str) -> Json:
        asked, said = (-(-len(each) // CHARACTERS_PER_TOKEN) for each in (self.question, text))
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def text_of(answer: AnswerView) -> str:
    """Return the answer's text with its sources: those that were verified, then those that were not, and say so."""
    lines = [_source(each) for each in sorted(answer.citations, key=lambda each: each.status != "verified")]
    return "\n".join((answer.text or "", "", "Sources:", *lines)) if lines else answer.text or ""


def _source(citation: CitationView) -> str:
    where = place(citation.model_dump())
    return f"- {where}" if citation.status == "verified" else f"- {where} ({citation.status})"


def failed(reason: str, code: str = "failed") -> bytes:
    """Write the error that a stream ends with."""
    return _event({"error": {"message": reason, "type": "server_error", "param": None, "code": code}})


def _event(data: Json) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "replace")
