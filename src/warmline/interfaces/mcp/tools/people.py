"""Tools for who is on the line: report what you do, and see what others do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from warmline.interfaces.mcp.offering import Arguments, Call, Offers, offering
from warmline.interfaces.mcp.texts import masked_text, participants_text
from warmline.interfaces.views.conversations import present_view

PEOPLE: Offers = {}


class Report(Arguments):
    """What you do."""

    status: Annotated[str, Field(description="what you do now, in a line; empty: only that you live")]


class Nothing(Arguments):
    """Nothing is wanted."""


@offering(PEOPLE, Report)
async def report_status(call: Call, said: Report) -> str:
    """Tell the others what you are doing now, in a line."""
    done = await call.bridge.conversations.report(call.by, said.status)
    return " ".join(filter(None, ("Noted: who_is_here shows it to the others.", masked_text(done.redacted))))


@offering(PEOPLE, Nothing, reads=True)
async def who_is_here(call: Call, _: Nothing) -> str:
    """List who is on the line with you, by the names to use as `to`, with what they said they do."""
    found = await call.bridge.conversations.who(call.by, call.by.conversation)
    return participants_text([present_view(each).model_dump(mode="json") for each in found], call.by.name)
