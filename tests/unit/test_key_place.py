"""Where the key of an encrypted home is: found, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from keyring.backends import fail

from warmline.errors import StoreError, UnsafeKeyError, WarmlineError, WrongKeyError
from warmline.security.encryption import fingerprint
from warmline.security.key_place import (
    TURNING,
    KeyPlace,
    find_key,
    find_place,
    keep_in_keyring,
    make_key_file,
    new_key,
    read_key_file,
)


class InMemory(keyring.backend.KeyringBackend):
    """A keyring of this process."""

    priority = 0.1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as the library has it
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]

    def _open(self) -> None:
        if self.is_locked:
            raise keyring.errors.KeyringLocked("the user did not unlock it\nat all")


@pytest.fixture
def ring() -> Iterator[InMemory]:
    before, ring = keyring.get_keyring(), InMemory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    make_key_file(path)
    return path


def encryption_json(tmp_path: Path, place: KeyPlace) -> Path:
    path = tmp_path / "encryption.json"
    path.write_text(place.to_json())
    return path


def refusal(path: Path, error: type[WarmlineError]) -> str:
    with pytest.raises(error) as refused:
        find_key(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_made_key_file_is_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    key = make_key_file(tmp_path / "key")
    assert read_key_file(tmp_path / "key") == key
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_is_there_is_never_made_again(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(UnsafeKeyError):
        make_key_file(key_file)
    assert key_file.read_bytes() == before


def test_a_home_without_the_file_is_not_encrypted(tmp_path: Path) -> None:
    assert find_key(tmp_path / "encryption.json") is None


def test_the_home_names_the_file_and_never_holds_the_key(tmp_path: Path, key_file: Path) -> None:
    key = read_key_file(key_file)
    path = encryption_json(tmp_path, KeyPlace(fingerprint(key), key_file))
    assert find_key(path) == key
    assert key.hex() not in path.read_text()


def test_another_key_in_its_place_is_refused(tmp_path: Path, key_file: Path) -> None:
    path = encryption_json(tmp_path, KeyPlace(fingerprint(new_key()), key_file))
    assert str(key_file) in refusal(path, WrongKeyError)


def test_a_key_that_is_gone_is_refused(tmp_path: Path, key_file: Path) -> None:
    path = encryption_json(tmp_path, KeyPlace(fingerprint(read_key_file(key_file)), key_file))
    key_file.unlink()
    assert str(key_file) in refusal(path, UnsafeKeyError)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, key_file: Path) -> None:
    path = encryption_json(tmp_path, KeyPlace(fingerprint(read_key_file(key_file)), key_file))
    key_file.chmod(0o640)
    assert "chmod 600" in refusal(path, UnsafeKeyError)


@pytest.mark.parametrize("content", ["", "no key\n", "00" * 31, "00" * 33, "zz" * 32, "\u00e4"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, key_file: Path, content: str) -> None:
    path = encryption_json(tmp_path, KeyPlace(fingerprint(read_key_file(key_file)), key_file))
    key_file.write_text(content, "utf-8")
    assert "64 hexadecimal digits" in refusal(path, UnsafeKeyError)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"key_file": 1}', '{"key_file": "/k"}', '{"keyring": true}'])
def test_a_damaged_encryption_json_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "encryption.json"
    path.write_text(content)
    assert str(path) in refusal(path, UnsafeKeyError)


def test_a_home_that_is_half_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / TURNING).mkdir()
    refusal(tmp_path / "encryption.json", StoreError)


def test_a_key_in_the_keyring_is_found_and_the_home_may_be_moved(tmp_path: Path, ring: InMemory) -> None:
    key = new_key()
    keep_in_keyring(key)
    path = encryption_json(tmp_path, KeyPlace(fingerprint(key), None))
    assert find_key(path) == key
    assert find_place(path) == KeyPlace(fingerprint(key), None)
    assert key.hex() not in path.read_text()
    assert ring.kept == {("warmline", fingerprint(key)): key.hex()}


def test_a_keyring_without_the_key_or_with_another_is_refused(tmp_path: Path, ring: InMemory) -> None:
    key = new_key()
    path = encryption_json(tmp_path, KeyPlace(fingerprint(key), None))
    refusal(path, UnsafeKeyError)
    ring.kept["warmline", fingerprint(key)] = new_key().hex()
    refusal(path, WrongKeyError)
    ring.kept["warmline", fingerprint(key)] = "no key"
    refusal(path, UnsafeKeyError)


def test_a_locked_keyring_is_refused(tmp_path: Path, ring: InMemory) -> None:
    ring.is_locked = True
    assert "unlock it" in refusal(encryption_json(tmp_path, KeyPlace("00", None)), UnsafeKeyError)
    with pytest.raises(UnsafeKeyError, match="unlock it"):
        keep_in_keyring(new_key())


@pytest.mark.usefixtures("ring")
def test_a_system_without_a_keyring_is_refused(tmp_path: Path) -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # as the library has it
    assert "--key-file" in refusal(encryption_json(tmp_path, KeyPlace("00", None)), UnsafeKeyError)


def test_a_key_file_is_made_together_with_its_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    """As the documents show it: in a folder of one's home that is not there yet."""
    path = tmp_path / ".keys" / "warmline"
    key = make_key_file(path)
    assert read_key_file(path) == key
    assert path.parent.stat().st_mode & 0o777 == 0o700
