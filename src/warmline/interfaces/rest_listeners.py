"""REST for listeners, which are the owner's: where programs connect and speak lines, opened and closed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from warmline.interfaces.instance import Instance
from warmline.interfaces.rest_shared import ADMINISTERS, MAX_PATH_CHARACTERS, By, Form, problems
from warmline.interfaces.views.listeners import ListenersView, ListenerView, listener_view, listeners_view
from warmline.listen.addresses import FORMS, parse_address

listeners = APIRouter(prefix="/v1/listeners", tags=["listeners"], dependencies=[ADMINISTERS])

MAX_URL_CHARACTERS = 3 * MAX_PATH_CHARACTERS


async def _instance(request: Request) -> Instance:
    instance: Instance = request.app.state.instance
    return instance


AnyInstance = Annotated[Instance, Depends(_instance)]


class ToOpen(Form):
    """Where to listen."""

    address: Annotated[str, Field(max_length=MAX_URL_CHARACTERS, description=FORMS)]
    no_token: Annotated[
        bool, Field(strict=True, description="let in, over TCP on loopback, who shows no token: they are guests")
    ] = False
    unencrypted: Annotated[
        bool, Field(strict=True, description="let other machines in over TCP: whoever listens in reads all")
    ] = False


@listeners.get("", responses=problems(403))
async def list_listeners(instance: AnyInstance) -> ListenersView:
    """List what is open, and what could not be opened at the start."""
    return listeners_view(instance.listeners, instance.problems)


@listeners.post("", status_code=201, responses=problems(403, 409, 507))
async def open_listener(to_open: ToOpen, by: By, instance: AnyInstance) -> ListenerView:
    """Listen somewhere from now on, until it is closed or the daemon leaves. 409 when the place cannot be had."""
    address = parse_address(to_open.address)
    return listener_view(await instance.open(by, address, no_token=to_open.no_token, unencrypted=to_open.unencrypted))


@listeners.delete("", responses=problems(403, 404, 507))
async def close_listener(
    address: Annotated[str, Query(max_length=MAX_URL_CHARACTERS, description="as it is listed")],
    by: By,
    instance: AnyInstance,
) -> ListenersView:
    """Listen there no more, and let go of who is connected. What they asked goes on."""
    await instance.close(by, parse_address(address))
    return listeners_view(instance.listeners, instance.problems)
