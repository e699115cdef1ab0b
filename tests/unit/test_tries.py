"""How wrong tokens are slowed down."""

from __future__ import annotations

from dataclasses import replace

from warmline.interfaces.tries import Tries
from warmline.settings import DoorSettings

SETTINGS = DoorSettings()


class Watch:
    """A clock that stands until it is moved, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_wrong_tokens_are_answered_at_once_and_then_the_delay_doubles_up_to_its_cap() -> None:
    tries = Tries(SETTINGS, Watch())
    delays = [tries.note("192.0.2.1") for _ in range(12)]
    assert delays == [0, 0, 0, 0, 0, 0.1, 0.2, 0.4, 0.8, 1, 1, 1]


def test_an_address_is_slowed_down_alone() -> None:
    tries = Tries(SETTINGS, Watch())
    for _ in range(20):
        tries.note("192.0.2.1")
    assert tries.note("192.0.2.2") == 0


def test_an_ipv6_network_counts_as_one_address() -> None:
    tries = Tries(SETTINGS, Watch())
    for host in range(20):
        tries.note(f"2001:db8::{host:x}%eth0")
    assert tries.note("2001:db8::ffff") == 1
    assert tries.note("2001:db8:0:1::1") == 0


def test_tries_are_forgotten_after_a_while_of_quiet() -> None:
    watch = Watch()
    tries = Tries(SETTINGS, watch)
    for _ in range(20):
        tries.note("192.0.2.1")
    watch.now += SETTINGS.tries_forgotten.total_seconds() + 1
    assert tries.note("192.0.2.1") == 0


def test_only_so_many_addresses_are_remembered_and_the_quietest_is_forgotten_first() -> None:
    tries = Tries(replace(SETTINGS, addresses_noted=2, free_tries=1), Watch())
    for address in ("a", "b", "a", "c"):
        tries.note({"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}[address])
    assert tries.note("192.0.2.1") > 0
    assert tries.note("192.0.2.2") == 0
