"""The listeners of a running instance, as its owner opens and closes them: by hand, or by `warmline.toml`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from warmline.app import Line
from warmline.bridge.credentials import THE_OWNER
from warmline.configuration.listening import ListenPlan
from warmline.daemon import is_loopback
from warmline.endpoints import resolve_tcp
from warmline.errors import DaemonError, InvalidInputError, WarmlineError
from warmline.listen.addresses import Address, Via, address_of
from warmline.listen.listeners import Listeners, Opened
from warmline.parties import Credential

logger = logging.getLogger(__name__)


class Instance:
    """Opens and closes. Over TCP a token is wanted unless the owner said otherwise, which is for loopback alone.

    problems are what could not be opened at the start, a line for each.
    """

    def __init__(self, line: Line, listeners: Listeners) -> None:
        self._line = line
        self._listeners = listeners
        self._opening = asyncio.Lock()
        self.problems: tuple[str, ...] = ()

    @property
    def listeners(self) -> Sequence[Opened]:
        """Which are open, in the order in which they were opened."""
        return self._listeners.list()

    async def open(
        self, by: Credential, address: Address, *, no_token: bool = False, unencrypted: bool = False
    ) -> Opened:
        """Listen there from now on. Raises InvalidInputError, or DaemonError when the place cannot be had."""
        return await self._open(by, address, no_token=no_token, unencrypted=unencrypted, again=True)

    async def close(self, by: Credential, address: Address) -> None:
        """Listen there no more; who is connected is let go. Raises NotFoundError when nothing is open there."""
        self._listeners.close(address)
        logger.info("closed listener", extra={"address": str(address)})
        await self._line.audited("close_listener", by.id, str(address))

    def leave(self) -> None:
        """Listen nowhere any more; who is connected hears how waits end. For a shutdown."""
        for each in self._listeners.list():
            self._listeners.close(each.address)

    async def open_planned(self, plan: ListenPlan) -> None:
        """Open what the file says. What cannot be opened is told by `problems`, and stops nobody."""
        problems = list(plan.problems)
        for via, place in plan.places.items():
            try:
                address = address_of(Via(via), place)
                no_token, unencrypted = (plan.no_token, plan.unencrypted) if address.via is Via.TCP else (False, False)
                await self._open(THE_OWNER, address, no_token=no_token, unencrypted=unencrypted, again=False)
            except WarmlineError as error:
                problems.append(f"`listen.{via}`: {error}")
        for problem in problems:
            logger.warning("cannot listen", extra={"reason": problem})
        self.problems = tuple(problems)

    async def _open(
        self, by: Credential, address: Address, *, no_token: bool, unencrypted: bool, again: bool
    ) -> Opened:
        async with self._opening:
            if address.via is Via.TCP:
                address = await asyncio.to_thread(_checked, address, no_token=no_token, unencrypted=unencrypted)
            elif no_token or unencrypted:
                raise InvalidInputError("to want no token, or no encryption, is said of TCP alone")
            needs_token = address.via is Via.TCP and not no_token
            if not needs_token:
                await self._line.bridge.guests.invite(by, again=again)
            opened = self._listeners.open(address, needs_token=needs_token)
        logger.info("opened listener", extra={"address": str(opened.address), "needs_token": needs_token})
        if is_exposed(opened.address):
            logger.warning(
                "UNENCRYPTED: whoever listens in on the network reads tokens and answers",
                extra={"address": str(opened.address)},
            )
        await self._line.audited("open_listener", by.id, str(opened.address))
        return opened


def is_exposed(address: Address) -> bool:
    """Tell whether other machines reach the address of a listener; what is said there is not encrypted."""
    return address.via is Via.TCP and not is_loopback(address.host_and_port[0])


def _checked(address: Address, *, no_token: bool, unencrypted: bool) -> Address:
    """Return a TCP address with the numbers of its host, so that what was checked is what is opened.

    Raises DaemonError when the host has none, and InvalidInputError when others would reach what they must not.
    """
    host, port = address.host_and_port
    try:
        found = resolve_tcp(host, port).host
    except OSError as error:
        raise DaemonError(f"cannot listen on {host!a}: there is no address of that name") from error
    if no_token and not is_loopback(found):
        raise InvalidInputError(
            f"other machines reach {host!a}, and whoever asks there must show a token: leave out `no_token`"
        )
    if not (unencrypted or is_loopback(found)):
        raise InvalidInputError(
            f"other machines reach {host!a}, and can read all on the way: say `unencrypted` as well if that is meant"
        )
    return address_of(Via.TCP, f"[{found}]:{port}" if ":" in found else f"{found}:{port}")
