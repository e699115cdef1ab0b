"""What `connect` put where: a small file in the home, so that `--undo` takes out exactly that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from warmline.durable import write_anew
from warmline.errors import ConfigurationError
from warmline.home import Home
from warmline.operations.connect.clients import Scope


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: in which file, what it says, and what was made around it."""

    path: str
    scope: Scope
    entry: Mapping[str, Any]
    made_holder: bool = False
    made_file: bool = False
    made_folders: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Piece:
    """What wakes a client: a file that is all ours, or a line at the beginning of another; and what was made for it."""

    path: str
    text: str
    is_line: bool = False
    made_file: bool = False
    made_folders: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Connected:
    """A client: the id of its credential, if one was made, its entries, and what wakes it."""

    credential: str | None = None
    places: tuple[Place, ...] = ()
    pieces: tuple[Piece, ...] = ()

    def piece(self, path: Path) -> Piece | None:
        """Return what wakes it by that file."""
        return next((each for each in self.pieces if each.path == str(path)), None)

    def with_piece(self, piece: Piece) -> Connected:
        """Return it with this piece, in the place of one in the same file."""
        return replace(self, pieces=(*self.without_piece(piece.path).pieces, piece))

    def without_piece(self, path: str) -> Connected:
        """Return it without what wakes it by that file."""
        return replace(self, pieces=tuple(each for each in self.pieces if each.path != path))

    def place(self, path: Path) -> Place | None:
        """Return what was put into that file."""
        return next((each for each in self.places if each.path == str(path)), None)

    def with_place(self, place: Place) -> Connected:
        """Return it with this entry, in the place of one in the same file."""
        return replace(self, places=(*self.without(place.path).places, place))

    def without(self, path: str) -> Connected:
        """Return it without the entry in that file."""
        return replace(self, places=tuple(each for each in self.places if each.path != path))


class Record:
    """The file. Whoever changes it holds `configuration.writing.changing` on it meanwhile."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.path = home.connected

    def make_folder(self) -> None:
        """Make the folder that the file and the tokens lie in, closed to others. Raises DaemonError."""
        self._home.make()
        with self._home.usable():
            self.path.parent.mkdir(mode=0o700, exist_ok=True)

    def read(self) -> dict[str, Connected]:
        """Return what is connected, by name. Raises ConfigurationError when the file is damaged."""
        try:
            said = json.loads(self.path.read_bytes())
            return {name: _connected(each) for name, each in said["clients"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigurationError(
                f"{self.path} is damaged: move it away, and take the entries of Warmline out of your clients by hand"
            ) from error

    def of(self, name: str) -> Connected:
        """Return what is known of a client. Raises ConfigurationError."""
        return self.read().get(name, Connected())

    def keep(self, name: str, connected: Connected) -> None:
        """Write down what is so of a client from now on; of one with nothing, nothing. Durable.

        Raises ConfigurationError.
        """
        clients = {**self.read(), name: connected}
        kept = {each: asdict(said) for each, said in sorted(clients.items()) if said != Connected()}
        try:
            write_anew(self.path, json.dumps({"version": 1, "clients": kept}, indent=2).encode() + b"\n")
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be written ({error.strerror})") from error


def _connected(said: dict[str, Any]) -> Connected:
    places, pieces = said["places"], said.get("pieces", ())  # clients that were connected before could not be woken
    return Connected(
        said["credential"], tuple(Place(**each) for each in places), tuple(Piece(**each) for each in pieces)
    )
