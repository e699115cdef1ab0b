"""A home: the one directory that holds all that a daemon keeps. One daemon owns it.

This file knows names and modes, nothing of what stands in the files. It is imported by the light
client too, so it imports next to nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from warmline.durable import writing_durably
from warmline.errors import DaemonError, InvalidInputError, UnsafeHomeError

HOME_VARIABLE = "WARMLINE_HOME"

OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

MAX_HOME_BYTES = 3_840
"""Of a home's real path: the system opens no path of more than 4,095, and what lies in a home has names, too."""

MAX_HOME_BYTES_ELSEWHERE = 470
"""Where a folder cannot be opened by its descriptor (macOS): a database is then opened by its path alone, of at most
504 bytes, and the longest here is `turning.new/memory/catalog.sqlite`."""

_TOKEN = re.compile(r"[0-9a-f]{64}")


class Home(NamedTuple):
    """The paths within a home. Making one touches no disk."""

    path: Path

    @property
    def store(self) -> Path:
        """The SQLite file with all messages."""
        return self.path / "store.db"

    @property
    def memory(self) -> Path:
        """The folder with the memory's index and catalogue."""
        return self.path / "memory"

    @property
    def socket(self) -> Path:
        """The Unix socket on which the daemon listens."""
        return self.path / "daemon.sock"

    @property
    def lock(self) -> Path:
        """The file whose lock makes a daemon the owner; it holds the owner's pid and start time."""
        return self.path / "daemon.lock"

    @property
    def starting(self) -> Path:
        """The file whose lock makes one client the starter of a daemon."""
        return self.path / "starting.lock"

    @property
    def log(self) -> Path:
        """What a daemon in the background logs."""
        return self.path / "daemon.log"

    @property
    def token(self) -> Path:
        """The owner's credential."""
        return self.path / "owner.token"

    def client_token(self, name: str) -> Path:
        """The credential of a client program that was connected."""
        return self.path / "clients" / f"{name}.token"

    @property
    def connected(self) -> Path:
        """The file that says which clients were connected, and what was put into their configurations."""
        return self.path / "clients" / "connected.json"

    @property
    def seal_keys(self) -> Path:
        """The keys of the seals."""
        return self.path / "seal.keys"

    @property
    def first_seal_keys(self) -> Path:
        """The keys of the seals until the store is sealed under them."""
        return self.path / "seal.keys.first"

    @property
    def configuration(self) -> Path:
        """The file in which a person says which agents there are."""
        return self.path / "warmline.toml"

    @property
    def archive(self) -> Path:
        """The folder with the messages that left the store."""
        return self.path / "archive"

    @property
    def encryption(self) -> Path:
        """The file that says where the key of an encrypted home is."""
        return self.path / "encryption.json"

    @property
    def guardian(self) -> Path:
        """The folder in which the guardian writes down whom it holds."""
        return self.path / "guardian"

    @property
    def agents(self) -> Path:
        """The folder with a folder for each agent: there it works, and what it writes by itself stays there."""
        return self.path / "agents"

    @property
    def held(self) -> Path:
        """The folder in which the command line keeps what its `inbox` was handed and still holds."""
        return self.path / "held"

    @contextmanager
    def usable(self) -> Iterator[None]:
        """Turn what the system says about a file of the home into DaemonError."""
        try:
            yield
        except FileExistsError as error:
            raise DaemonError(f"the home {self.path} is no folder: name another by --home") from error
        except OSError as error:
            raise DaemonError(
                f"the home {self.path} cannot be used ({error.strerror}): mend that, or name another by --home"
            ) from error

    def make(self) -> None:
        """Make the directory, closed to others (0700), if it is not there.

        Raises InvalidInputError when its path is too long, DaemonError when it cannot be made, and UnsafeHomeError when
        others could have written to it.
        """
        with self.usable():
            self._check_length()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_owner()

    def _check_length(self) -> None:
        most = MAX_HOME_BYTES if Path("/proc/self/fd").is_dir() else MAX_HOME_BYTES_ELSEWHERE
        length = len(os.fsencode(os.path.realpath(self.path)))
        if length > most:
            raise InvalidInputError(
                f"the home's path has {length:,} bytes, more than the {most:,} which this system bears: name a shorter"
                " one by --home"
            )

    def _check_owner(self) -> None:
        found = self.path.stat()
        if found.st_uid != os.geteuid():
            raise UnsafeHomeError(f"the home {self.path} belongs to another user: name one of your own by --home")
        if found.st_mode & OTHERS and not any(self.path.iterdir()):
            self.path.chmod(0o700)  # nobody has left anything there
        elif found.st_mode & OTHERS_WRITE:
            raise UnsafeHomeError(
                f"others can write to the home {self.path}: see that what lies there is yours, then run"
                f" `chmod -R go= {shlex.quote(str(self.path))}`, or name another by --home"
            )

    def read_token(self) -> str:
        """Return the owner's credential, made on first use. Its file is readable by the owner alone (0600).

        Raises DaemonError when the file cannot be read, made, or holds something else.
        """
        with self.usable():
            if not self.token.exists():
                self._make_token()
            token = self.token.read_bytes().decode("ascii", "replace").strip()
        if not _TOKEN.fullmatch(token):
            raise DaemonError(f"{self.token} holds no credential: delete it, and a new one is made")
        return token

    def _make_token(self) -> None:
        self.make()
        draft = self.path / f".owner.token.{os.urandom(8).hex()}"
        try:
            with writing_durably(draft, only_new=True) as file:
                file.write(f"{os.urandom(32).hex()}\n".encode("ascii"))
            self.token.hardlink_to(draft)  # of two that start at once, one wins and both read the same
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)


def find_home(named: str | None) -> Home:
    """Return the home that was named, else the one of WARMLINE_HOME, else the user's own state directory.

    Raises InvalidInputError when what was named is no path.
    """
    chosen = named or os.environ.get(HOME_VARIABLE)
    if chosen:
        try:
            chosen.encode()  # an index cannot lie below a path that is no UTF-8
            return Home(Path(chosen).expanduser().absolute())
        except (OSError, RuntimeError, ValueError) as error:
            raise InvalidInputError(f"the home {chosen!a} cannot be used ({error}): name an absolute path") from error
    from platformdirs import user_state_path  # noqa: PLC0415  # most calls in scripts name a home and skip this cost

    return Home(user_state_path("warmline"))
