"""Encryption at rest: what is derived from the one key of a home, and the form of an encrypted file.

An encrypted file is 8 bytes MAGIC, 32 bytes of salt, and chunks of 64 KiB, the last one shorter or as long, each
followed by its 16 bytes of Poly1305. ChaCha20-Poly1305 (RFC 8439) under a key of the file's own: HKDF-SHA256 of the
home's key, with the salt and the file's name. A chunk's nonce is its number (11 bytes, big-endian, from 0) and 1 in
the last chunk, 0 in others (the STREAM construction, as age has it). So nothing can be changed, cut off, put in
another order, added, or taken for a file of another name.

The library `cryptography` is imported when a file is encrypted: most homes are not.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from warmline.durable import writing_durably
from warmline.errors import UnsafeKeyError

KEY_BYTES = 32
MAGIC = b"WARMENC1"
SALT_BYTES = 32
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16

_NOT_OURS = "it was changed, cut off or renamed, or is under another key"


def derive(key: bytes, purpose: bytes) -> bytes:
    """Return the 32 bytes for one purpose (one step of HKDF-Expand, RFC 5869: the key is random already)."""
    return hmac.digest(key, purpose + b"\x01", "sha256")


def fingerprint(key: bytes) -> str:
    """Return what tells this key from others, and tells nothing else about it: 32 hexadecimal digits."""
    return derive(key, b"warmline fingerprint")[:16].hex()


def check_library() -> None:
    """Raises UnsafeKeyError, with what to do, unless files can be encrypted."""
    try:
        import cryptography  # noqa: F401, PLC0415  # only an encrypted home pays for it
    except ImportError as error:
        raise UnsafeKeyError(
            "encryption needs the library cryptography, which cannot be loaded: install Warmline again"
        ) from error


@contextmanager
def writing(path: Path, key: bytes | None, name: str) -> Iterator[BinaryIO]:
    """Write a file (0600), encrypted under this name where there is a key; whole and durable when the block ends.

    The caller removes what a block that failed has left. Raises OSError, or UnsafeKeyError without the library.
    """
    with writing_durably(path) as file:
        if key is None:
            yield file
        else:
            encrypting = _Encrypting(file, key, name)
            yield cast("BinaryIO", encrypting)  # it has what a writer calls
            encrypting.finish()


@contextmanager
def reading(path: Path, key: bytes | None, name: str) -> Iterator[BinaryIO]:
    """Read a file that was written with the same key and name. Reading raises ValueError where it is another."""
    with path.open("rb") as file:
        if key is None:
            yield file
        else:
            yield io.BufferedReader(_Decrypting(file, key, name), CHUNK_BYTES)


class _Encrypting(io.RawIOBase):
    """Takes plain bytes and writes them encrypted; `finish` writes the last chunk."""

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        super().__init__()
        salt = secrets.token_bytes(SALT_BYTES)
        self._file = file
        self._cipher = _Cipher(key, salt, name)
        self._left = bytearray()
        file.write(MAGIC + salt)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._left += data
        while len(self._left) > CHUNK_BYTES:  # one that is just full may be the last
            self._file.write(self._cipher.encrypt(bytes(self._left[:CHUNK_BYTES]), is_last=False))
            del self._left[:CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        self._file.write(self._cipher.encrypt(bytes(self._left), is_last=True))
        self._left.clear()


class _Decrypting(io.RawIOBase):
    """Gives the plain bytes of an encrypted file, chunk by chunk, each checked before it is given."""

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        super().__init__()
        self._file = file
        head = file.read(len(MAGIC) + SALT_BYTES)
        if len(head) != len(MAGIC) + SALT_BYTES or not head.startswith(MAGIC):
            raise ValueError("it is no encrypted file")
        self._cipher = _Cipher(key, head[len(MAGIC) :], name)
        self._next: bytes = file.read(CHUNK_BYTES + TAG_BYTES)
        self._plain = memoryview(b"")
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._plain and not self._is_over:
            chunk, self._next = self._next, self._file.read(CHUNK_BYTES + TAG_BYTES)
            self._is_over = not self._next
            self._plain = memoryview(self._cipher.decrypt(chunk, is_last=self._is_over))
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count


class _Cipher:
    """The chunks of one file, in order."""

    def __init__(self, key: bytes, salt: bytes, name: str) -> None:
        check_library()
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415  # as above

        extracted = hmac.digest(salt, derive(key, b"warmline files"), hashlib.sha256)
        self._aead = ChaCha20Poly1305(derive(extracted, name.encode()))
        self._number = 0

    def encrypt(self, plain: bytes, *, is_last: bool) -> bytes:
        return self._aead.encrypt(self._nonce(is_last=is_last), plain, None)

    def decrypt(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Raises ValueError."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # as above

        try:
            return self._aead.decrypt(self._nonce(is_last=is_last), chunk, None)
        except InvalidTag as error:
            raise ValueError(_NOT_OURS) from error

    def _nonce(self, *, is_last: bool) -> bytes:
        number, self._number = self._number, self._number + 1
        return number.to_bytes(11, "big") + bytes([is_last])
