"""A home: the one directory that holds all that a daemon keeps. One daemon owns it.

This file knows names and modes, nothing of what stands in the files. It is imported by the light
client too, so it imports next to nothing.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from warmline.errors import DaemonError

HOME_VARIABLE = "WARMLINE_HOME"


@dataclass(frozen=True, slots=True)
class Home:
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

    def make(self) -> None:
        """Make the directory, closed to others (0700). Raises DaemonError when that is not possible."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)
        except OSError as error:
            raise DaemonError(
                f"the home {self.path} cannot be used ({error.strerror}): name another by --home"
            ) from error

    def read_token(self) -> str:
        """Return the owner's credential, made on first use. Its file is readable by the owner alone (0600)."""
        try:
            return self.token.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            pass
        self.make()
        draft = self.path / f".owner.token.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            self.token.hardlink_to(draft)  # of two that start at once, one wins and both read the same
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return self.token.read_text(encoding="ascii").strip()


def find_home(named: str | None) -> Home:
    """Return the home that was named, else the one of WARMLINE_HOME, else the user's own state directory."""
    chosen = named or os.environ.get(HOME_VARIABLE)
    if chosen:
        return Home(Path(chosen).expanduser().absolute())
    from platformdirs import user_state_path  # noqa: PLC0415  # most calls in scripts name a home and skip this cost

    return Home(user_state_path("warmline"))
