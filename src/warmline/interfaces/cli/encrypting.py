"""`store encrypt` and `store decrypt`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.interfaces.cli.arguments import absolute_path, add_json
from warmline.interfaces.cli.output import hint, show_json

if TYPE_CHECKING:
    from warmline.home import Home
    from warmline.security.key_place import KeyPlace


def add_parsers(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to those of `store`."""
    encrypt = verbs.add_parser("encrypt", help="encrypt the home", description=_encrypt.__doc__)
    where = encrypt.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--key-file", type=absolute_path, metavar="FILE", help="where the key is; made when it is not there"
    )
    where.add_argument("--keyring", action="store_true", help="keep the key in the system's keyring")
    add_json(encrypt)
    encrypt.set_defaults(run=_encrypt)
    decrypt = verbs.add_parser("decrypt", help="undo that", description=_decrypt.__doc__)
    add_json(decrypt)
    decrypt.set_defaults(run=_decrypt)


def _encrypt(options: argparse.Namespace) -> int:
    """Encrypt messages, archive and the memory's index, under a key that is kept elsewhere.

    A running daemon is stopped; the next command starts it again.
    """
    from warmline.home import find_home
    from warmline.security.databases import check_encryption
    from warmline.security.encryption import check_library
    from warmline.security.workspace import check_place

    check_library()
    check_place()
    home = find_home(options.home)
    _refuse_encrypted(home)  # the daemon goes on
    with _owned(home, "encrypting"):
        _refuse_encrypted(home)
        check_encryption(home.store, None)
        key, place = _key_for(home, options.key_file)
        _turn(home, (None, key), place)
    if options.json:
        show_json(_view(place, is_encrypted=True))
    else:
        print(f"encrypted {home.path}; {_where(place)}")
    hint("keep a copy of the key elsewhere: without it nobody reads the home again, you neither")
    return 0


def _decrypt(options: argparse.Namespace) -> int:
    """Write everything unencrypted again. The key stays where it is, for copies that are under it.

    A running daemon is stopped; the next command starts it again.
    """
    from warmline.home import find_home
    from warmline.security.encryption import check_library

    check_library()
    home = find_home(options.home)
    _place_of(home).read()  # while this fails, the daemon goes on
    with _owned(home, "decrypting"):
        place = _place_of(home)
        _turn(home, (place.read(), None), None)
    if options.json:
        show_json(_view(place, is_encrypted=False))
    else:
        print(f"decrypted {home.path}; {_where(place)}, for copies that you may have")
    return 0


def _refuse_encrypted(home: Home) -> None:
    from warmline.errors import ConflictError
    from warmline.security.key_place import find_place

    if find_place(home.encryption):
        raise ConflictError(f"{home.path} is encrypted already: to change the key, decrypt it first")


def _place_of(home: Home) -> KeyPlace:
    from warmline.errors import ConflictError
    from warmline.security.key_place import find_place

    place = find_place(home.encryption)
    if place is None:
        raise ConflictError(f"{home.path} is not encrypted")
    return place


@contextmanager
def _owned(home: Home, work: str) -> Iterator[None]:
    """Own the home for this work, which no daemon does until the block ends."""
    from warmline import __version__, daemon
    from warmline.operations.legacy.taking import clear_copies
    from warmline.operations.turning import finish
    from warmline.settings import DaemonSettings

    if (stopped := daemon.stop(home, DaemonSettings())) is not None:
        hint(f"stopped the daemon (pid {stopped.pid}): the next command starts it again")
    with daemon.own(home, __version__, work):
        finish(home)
        clear_copies(home.path)
        yield


def _turn(home: Home, keys: tuple[bytes | None, bytes | None], place: KeyPlace | None) -> None:
    from warmline.interfaces.cli.progress import byte_bar
    from warmline.operations.turning import turn

    with byte_bar("encrypting" if place else "decrypting") as show:
        turn(home, keys, place, show)


def _key_for(home: Home, key_file: str | None) -> tuple[bytes, KeyPlace]:
    """Find or make the key, and say where it is."""
    from warmline.errors import InvalidInputError
    from warmline.security.encryption import fingerprint
    from warmline.security.key_place import KeyPlace, keep_in_keyring, make_key_file, new_key, read_key_file

    if key_file is None:
        key = new_key()
        keep_in_keyring(key)
        return key, KeyPlace(fingerprint(key), None)
    path = Path(key_file)
    if path.resolve().is_relative_to(home.path.resolve()):
        raise InvalidInputError(f"{path} lies in the home that it would lock: name a place outside {home.path}")
    key = read_key_file(path) if path.exists() or path.is_symlink() else make_key_file(path)
    return key, KeyPlace(fingerprint(key), path)


def _view(place: KeyPlace, *, is_encrypted: bool) -> dict[str, object]:
    key_file = str(place.key_file) if place.key_file else None
    return {"encrypted": is_encrypted, "key_file": key_file, "keyring": key_file is None}


def _where(place: KeyPlace) -> str:
    return f"the key is in {place.key_file or 'the keyring of the system'}"
