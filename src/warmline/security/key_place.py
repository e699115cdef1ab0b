"""Where the key of an encrypted home is kept: a file (0600), or the system's keyring; the home holds never the key.

HOME/encryption.json is {"key_file": path, "fingerprint": digits} or {"keyring": true, "fingerprint": digits}. A key
file is one line of 64 hexadecimal digits. In the keyring the key stands under the service "warmline" and its
fingerprint, so that a home may be moved.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmline.durable import sync, writing_durably
from warmline.errors import StoreError, UnsafeKeyError, WrongKeyError
from warmline.security.encryption import KEY_BYTES, check_library, fingerprint
from warmline.security.keys import check_private

SERVICE = "warmline"

TURNING = "turning"
"""The folder in a home in which everything stands that is about to take its place (operations/turning.py)."""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key's place, and what tells this key from others. key_file None: the keyring."""

    fingerprint: str
    key_file: Path | None

    def read(self) -> bytes:
        """Return the key. Raises UnsafeKeyError when it is gone or open to others, WrongKeyError for another."""
        key = _read_keyring(self.fingerprint) if self.key_file is None else read_key_file(self.key_file)
        if fingerprint(key) != self.fingerprint:
            where = f"in {self.key_file}" if self.key_file else "in the keyring"
            raise WrongKeyError(f"the key {where} is not the one that this home is encrypted under: put that back")
        return key

    def to_json(self) -> str:
        """Write it as encryption.json has it."""
        where: dict[str, Any] = {"key_file": str(self.key_file)} if self.key_file else {"keyring": True}
        return json.dumps(where | {"fingerprint": self.fingerprint}) + "\n"


def find_key(path: Path) -> bytes | None:
    """Return the key of the home with this encryption.json; None: the home is not encrypted.

    Raises UnsafeKeyError or WrongKeyError, or StoreError when the home is half way from the one to the other.
    """
    if path.with_name(TURNING).exists():
        raise StoreError(f"encrypting or decrypting {path.parent} was cut off: the next start of the daemon ends it")
    place = find_place(path)
    if place is None:
        return None
    check_library()
    return place.read()


def find_place(path: Path) -> KeyPlace | None:
    """Return where the key of the home with this encryption.json is. Raises UnsafeKeyError."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said == {}:  # a decrypted home, whose daemon was killed before it could remove the file
            return None
        file = None if said.get("keyring") is True else Path(said["key_file"])
        return KeyPlace(str(said["fingerprint"]), file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnsafeKeyError(f"{path} does not say where the key is: restore it from a copy") from error


def new_key() -> bytes:
    """Return a key that nobody has."""
    return secrets.token_bytes(KEY_BYTES)


def make_key_file(path: Path) -> bytes:
    """Make a file with a new key, durably, and its folder (0700) where that is not there.

    Raises UnsafeKeyError when the file is there or cannot be made.
    """
    key = new_key()
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with writing_durably(path, only_new=True) as file:
            file.write(f"{key.hex()}\n".encode("ascii"))
        sync(path.parent)
    except OSError as error:
        raise UnsafeKeyError(f"the key {path} cannot be made ({error.strerror}): name another place") from error
    return key


def read_key_file(path: Path) -> bytes:
    """Return the key of a file. Raises UnsafeKeyError when it is gone, damaged, or open to others."""
    check_private(path)
    try:
        return _key_of(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise UnsafeKeyError(f"{path} holds no key, which is 64 hexadecimal digits: restore it from a copy") from error


def keep_in_keyring(key: bytes) -> None:
    """Put a key into the system's keyring. Raises UnsafeKeyError when that is not possible."""
    keyring = _keyring()
    try:
        keyring.set_password(SERVICE, fingerprint(key), key.hex())
    except keyring.errors.KeyringError as error:
        raise UnsafeKeyError(f"the system's keyring does not take the key ({_said(error)}): unlock it") from error


def _read_keyring(name: str) -> bytes:
    keyring = _keyring()
    try:
        found = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringError as error:
        raise UnsafeKeyError(f"the system's keyring cannot be read ({_said(error)}): unlock it") from error
    if found is None:
        raise UnsafeKeyError(f"the system's keyring holds no key {SERVICE} / {name}: restore it there")
    try:
        return _key_of(found)
    except ValueError as error:
        raise UnsafeKeyError(f"{SERVICE} / {name} in the system's keyring is no key: restore it there") from error


def _keyring() -> Any:  # noqa: ANN401  # an extra, which may not be there
    """Return the library. Raises UnsafeKeyError when it is not installed, or has no keyring to speak to."""
    try:
        import keyring  # noqa: PLC0415  # an extra
        import keyring.errors  # noqa: PLC0415
        from keyring.backends import fail  # noqa: PLC0415
    except ImportError as error:
        raise UnsafeKeyError(
            "--keyring needs the library keyring, which is not installed: run `pip install 'warmline[keyring]'`"
        ) from error
    if isinstance(keyring.get_keyring(), fail.Keyring):
        raise UnsafeKeyError("this system has no keyring that the library keyring knows: use --key-file")
    return keyring


def _key_of(text: str) -> bytes:
    key = bytes.fromhex(text.strip())
    if len(key) != KEY_BYTES:
        raise ValueError(f"{len(key)} bytes")
    return key


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
