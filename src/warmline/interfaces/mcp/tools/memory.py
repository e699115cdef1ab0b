"""The tool for the memory itself: the lines, without an answer made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from warmline.bridge import rights
from warmline.interfaces.mcp.offering import Arguments, Call, Offers, offering
from warmline.interfaces.mcp.texts import passages_text
from warmline.security.redaction import redact_aside

MEMORY: Offers = {}


class Recall(Arguments):
    """What to look for."""

    query: Annotated[str, Field(min_length=1, max_length=4096, description="words, or a question")]
    top: Annotated[int, Field(ge=1, le=50, description="passages at most")] = 8


@offering(MEMORY, Recall, reads=True)
async def recall(call: Call, wanted: Recall) -> str:
    """Find the lines of the shared memory that are nearest to some words: quick, and nobody makes an answer of them.

    Each passage says where it stands, as `path:first-last`. For an answer with checked citations use `ask`.
    """
    rights.check_memory(call.by)
    found = await call.line.memory.passages(wanted.query, wanted.top, call.by.memories)
    if not found.passages:
        return "Nothing in the memory looks like that."
    return passages_text([replace(each, text=(await redact_aside(each.text)).text) for each in found.passages])
