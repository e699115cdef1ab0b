"""How long the answer to a wrong token is held back: longer with each from one address, up to a small cap.

It knows addresses and times and nothing of tokens: who shows a good one is never asked about here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from warmline.settings import DoorSettings

IPV6_HOST_BITS = 64
"""One customer has all the addresses that differ in these."""


class Tries:
    """Remembers wrong tokens for settings.tries_forgotten, of at most settings.addresses_noted addresses.

    now gives seconds that never go back.
    """

    def __init__(self, settings: DoorSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._noted: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def note(self, address: str) -> float:
        """Note a wrong token from an address; return for how many seconds its answer is held back."""
        now, place = self._now(), _place(address)
        count, last = self._noted.pop(place, (0, now))
        if now - last > self._settings.tries_forgotten.total_seconds():
            count = 0
        self._noted[place] = (count + 1, now)
        if len(self._noted) > self._settings.addresses_noted:
            self._noted.popitem(last=False)
        return self._delay(count - self._settings.free_tries)

    def _delay(self, doublings: int) -> float:
        if doublings < 0:
            return 0.0
        first, most = self._settings.try_delay.total_seconds(), self._settings.max_try_delay.total_seconds()
        return min(first * 2.0 ** min(doublings, 32), most)


def _place(address: str) -> str:
    """Return what stands for the address: an IPv6 network counts as one."""
    found = ip_address(address.partition("%")[0])
    return str(int(found) >> IPV6_HOST_BITS) if isinstance(found, IPv6Address) else address
