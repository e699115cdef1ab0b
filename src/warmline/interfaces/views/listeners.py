"""Listeners as the outside sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from warmline.interfaces.instance import is_exposed
from warmline.listen.addresses import FORMS, Via
from warmline.listen.listeners import Opened
from warmline.security.redaction import redact


class ListenerView(BaseModel):
    """A place where programs connect and speak lines."""

    address: str = Field(description=FORMS)
    via: Via
    needs_token: bool = Field(description="whether who asks there must show a token; else they are guests")
    exposed: bool = Field(description="whether other machines reach it, unencrypted")
    since: datetime
    connections: int = Field(description="at this moment")
    requests: int = Field(description="since it was opened")


class ListenersView(BaseModel):
    """All that are open, and what could not be opened at the start."""

    listeners: list[ListenerView]
    problems: list[str] = Field(description="of [listen] in the file, as it was at the daemon's start")


def listener_view(opened: Opened) -> ListenerView:
    """Show a listener."""
    return ListenerView(
        address=str(opened.address),
        via=opened.address.via,
        needs_token=opened.needs_token,
        exposed=is_exposed(opened.address),
        since=opened.since,
        connections=opened.connections,
        requests=opened.requests,
    )


def listeners_view(opened: Iterable[Opened], problems: Iterable[str]) -> ListenersView:
    """Show all, and what is wrong in the file with the secrets in it masked."""
    return ListenersView(
        listeners=[listener_view(each) for each in opened], problems=[redact(each).text for each in problems]
    )
