"""Seals: what the line wrote can be told from what others wrote. Pure; the keys come from keys.py.

The form that is sealed is JSON: an array of the columns' values in the schema's order, in UTF-8, without spaces,
blobs as lower-case hexadecimal. A seal is 4 bytes, the number of its key (big-endian), and the 32 bytes of
HMAC-SHA256 (RFC 2104) over the purpose, a NUL and the form.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

KEY_BYTES = 32
DIGEST_BYTES = 32

_NUMBER_BYTES = 4
_WEIGHT_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256
_SUM_KEY = b"the sums of the tables"
_TO_INNER = bytes(each ^ 0x36 for each in range(256))
_TO_OUTER = bytes(each ^ 0x5C for each in range(256))

_States = tuple[Any, Any]
"""SHA-256 with the inner and with the outer key taken in; hashlib names no public type of these."""


def form(values: Sequence[object]) -> bytes:
    """Return the form that is sealed, of text, whole numbers, blobs and None."""
    return to_json(values, bytes_mode="hex")


class Seals:
    """Seals under the newest of these keys, by number, and knows the seals of all of them.

    SHA-256 states that have taken in a key are copied: a third of the time of `hmac.digest`, which also gives up
    the interpreter each time. May be used from several threads.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._states = {number: _states(key) for number, key in keys.items()}
        self._newest = _newest(self._states)
        self._sums = hashlib.sha256(hmac.digest(keys[min(keys)], _SUM_KEY, "sha256"))

    def take(self, number: int, key: bytes) -> None:
        """Know one more key, and seal under it from now on when it is the newest."""
        self._states = {**self._states, number: _states(key)}
        self._newest = _newest(self._states)

    def seal(self, purpose: bytes, sealed: bytes) -> bytes:
        """Return the seal over a form, for one purpose: one for another never verifies."""
        prefix, states = self._newest
        return prefix + _digest(states, purpose, sealed)

    def verifies(self, purpose: bytes, sealed: bytes, seal: object) -> bool:
        """Tell whether this is the seal over the form, under any key that is known. Compares in constant time."""
        if not isinstance(seal, bytes) or len(seal) != _NUMBER_BYTES + DIGEST_BYTES:
            return False
        states = self._states.get(int.from_bytes(seal[:_NUMBER_BYTES], "big"))
        return states is not None and hmac.compare_digest(seal[_NUMBER_BYTES:], _digest(states, purpose, sealed))

    def weigh(self, table: str, row: Sequence[Any]) -> int:
        """Return a row's share in the sum of its table: rows that differ have, but for 1 in 2**128, others.

        The sum of the shares, modulo 2**128, stands for the rows in any order (a multiset hash: Clarke and others,
        ASIACRYPT 2003). It has a key of its own that is never rotated, so that no row must be weighed again.
        """
        state = self._sums.copy()
        state.update(to_json((table, row), bytes_mode="hex"))
        return int.from_bytes(state.digest()[:_WEIGHT_BYTES], "big")


def _digest(states: _States, purpose: bytes, sealed: bytes) -> bytes:
    inner, outer = states[0].copy(), states[1].copy()
    inner.update(purpose + b"\0" + sealed)
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest


def _states(key: bytes) -> _States:
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(block.translate(_TO_INNER)), hashlib.sha256(block.translate(_TO_OUTER))


def _newest(states: Mapping[int, _States]) -> tuple[bytes, _States]:
    """Return the newest key as it is written into a seal, and what seals under it."""
    number = max(states)
    return number.to_bytes(_NUMBER_BYTES, "big"), states[number]
