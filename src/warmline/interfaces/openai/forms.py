"""What a program sends, as far as it means something here; the rest, such as a temperature, is let be.

The shapes are those of https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from warmline.errors import InvalidInputError

MAX_TURNS = 10_000
EARLIER_QUESTIONS = 3
"""Of earlier turns, that tell a recall what `it` is; more would drown the question."""

EARLIER_CHARACTERS = 500
"""Of each."""


class TextPart(BaseModel):
    """A part of a turn."""

    type: str
    text: str | None = None


class Turn(BaseModel):
    """What somebody said."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[TextPart], Field(max_length=1000)] | None = None

    @property
    def text(self) -> str:
        """What was said. Raises InvalidInputError for a picture or a sound."""
        if not isinstance(self.content, list):
            return self.content or ""
        if any(part.text is None for part in self.content):
            raise InvalidInputError("a question is text: send no pictures, sounds or files")
        return "\n".join(part.text or "" for part in self.content)


class StreamOptions(BaseModel):
    """What else a stream tells."""

    include_usage: bool | None = False


class Completion(BaseModel):
    """A chat to complete."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[Turn], Field(min_length=1, max_length=MAX_TURNS)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, Field(ge=1, le=1, description="one answer")] = None

    @property
    def question(self) -> str:
        """The last thing that the user said; then what they asked before, so that a recall knows what it is about.

        What a system says is an instruction for a model, and what an assistant said came from the memory: neither is
        part of a question. What joins them is words that a recall does not look for.

        Raises InvalidInputError when the user did not speak last.
        """
        if self.messages[-1].role != "user":
            raise InvalidInputError("the last message is the question: send one with the role `user`")
        *earlier, last = [turn.text for turn in self.messages if turn.role == "user"]
        if not earlier:
            return last
        said = "\n".join(_begun_small(text[:EARLIER_CHARACTERS]) for text in earlier[-EARLIER_QUESTIONS:])
        return f"{last}\n\n(before this: {said})"


def _begun_small(text: str) -> str:
    """Return a sentence as one within another: to a recall, a capital letter there makes a name of any word."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
