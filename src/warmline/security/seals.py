"""Seals: what the line wrote can be told from what others wrote. Pure; the keys come from keys.py.

The form that is sealed is JSON: an array of the columns' values in the schema's order, in ASCII, without spaces,
blobs as lower-case hexadecimal. A seal is 4 bytes, the number of its key (big-endian), and the 32 bytes of
HMAC-SHA256 (RFC 2104) over the purpose, a NUL and the form.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

KEY_BYTES = 32
DIGEST_BYTES = 32

_NUMBER_BYTES = 4
_BLOCK_BYTES = 64  # of SHA-256
_SUM_KEY = b"the sums of the tables"
_TO_INNER = bytes(each ^ 0x36 for each in range(256))
_TO_OUTER = bytes(each ^ 0x5C for each in range(256))

_encode = json.JSONEncoder(separators=(",", ":"), default=bytes.hex).encode


def form(values: Sequence[object]) -> bytes:
    """Return the form that is sealed, of text, whole numbers, blobs and None."""
    return _encode(values).encode()


class Seals:
    """Seals under the newest of these keys, by number, and knows the seals of all of them.

    SHA-256 states that have taken in a key are copied: a third of the time of `hmac.digest`, which also gives up
    the interpreter each time.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._states = {number: (_state(key, _TO_INNER), _state(key, _TO_OUTER)) for number, key in keys.items()}
        self.newest = max(keys)
        self._prefix = self.newest.to_bytes(_NUMBER_BYTES, "big")
        self._sums = hashlib.sha256(hmac.digest(keys[min(keys)], _SUM_KEY, "sha256"))

    def seal(self, purpose: bytes, sealed: bytes) -> bytes:
        """Return the seal over a form, for one purpose: one for another never verifies."""
        return self._prefix + self._digest(self.newest, purpose, sealed)

    def verifies(self, purpose: bytes, sealed: bytes, seal: object) -> bool:
        """Tell whether this is the seal over the form, under any key that is known. Compares in constant time."""
        if not isinstance(seal, bytes) or len(seal) != _NUMBER_BYTES + DIGEST_BYTES:
            return False
        number = int.from_bytes(seal[:_NUMBER_BYTES], "big")
        if number not in self._states:
            return False
        return hmac.compare_digest(seal[_NUMBER_BYTES:], self._digest(number, purpose, sealed))

    def weigh(self, table: str, row: Sequence[Any]) -> int:
        """Return a row's share in the sum of its table: rows that differ have, but for 1 in 2**256, others.

        The sum of the shares, modulo 2**256, stands for the rows in any order (a multiset hash: Clarke and others,
        ASIACRYPT 2003). It has a key of its own that is never rotated, so that no row must be weighed again.
        """
        state = self._sums.copy()
        state.update(_encode((table, row)).encode())
        return int.from_bytes(state.digest(), "big")

    def _digest(self, number: int, purpose: bytes, sealed: bytes) -> bytes:
        inner, outer = self._states[number]
        inner, outer = inner.copy(), outer.copy()
        inner.update(purpose + b"\0" + sealed)
        outer.update(inner.digest())
        digest: bytes = outer.digest()
        return digest


def _state(key: bytes, pad: bytes) -> Any:  # noqa: ANN401  # hashlib names no public type of its states
    """Return SHA-256 that has taken in the padded key."""
    return hashlib.sha256(key.ljust(_BLOCK_BYTES, b"\0").translate(pad))
