"""Between shown paths and real ones: rules of a memory's roots. What is indexed is the catalog's to say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from warmline.errors import UnknownFileError, UnknownRootError, UnsafePathError
from warmline.memory.catalog import shown_path, split_shown
from warmline.scopes import Scope, reaches, roots_of

_TOLD_CHARACTERS = 200
"""Of a path, in an error."""


def check_root_name(roots: Mapping[str, Path], name: str, within: Scope | None = None) -> str:
    """Return the name of a root that is there, for a reader of this scope. Raises UnknownRootError."""
    if name not in roots or (within is not None and name not in roots_of(within)):
        raise UnknownRootError(f"the memory has no root {told(name)}; `warmline memory list` shows which it has")
    return name


def real_path(roots: Mapping[str, Path], shown: str, within: Scope | None = None) -> Path:
    """Return the real path of a shown one, which need not exist; `Memory.resolve` says what is refused."""
    name, relative = split_shown(shown)
    if "\0" in shown or shown.startswith("/"):
        raise UnsafePathError(f"{told(shown)} is no path of the memory; use `<root name>/<relative path>`")
    root = roots[check_root_name(roots, name, within)]
    parts = PurePosixPath(relative).parts
    if ".." in parts or PurePosixPath(relative).is_absolute():
        raise UnsafePathError(f"{told(shown)} leaves its root; name a file below it")
    if not reaches(within, shown_path(name, "/".join(parts))):
        raise unknown_file(shown)
    try:
        real = root.joinpath(*parts).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UnsafePathError(f"{told(shown)} cannot be followed; name a file below its root") from error
    if not real.is_relative_to(root):
        raise UnsafePathError(f"{told(shown)} leads out of its root by a link; name a file below it")
    if within is not None and not reaches(within, _shown_in(name, root, real)):
        raise unknown_file(shown)
    return real


def followed(path: str) -> Path:
    """Return the real path of an absolute one. Raises UnknownFileError when it leads nowhere."""
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise unknown_file(path) from error


def shown_paths(roots: Mapping[str, Path], real: Path, said: str) -> list[str]:
    """Return by which paths a file can be shown: beneath the root that was said first, then innermost first."""
    said_root, _ = split_shown(said)
    above = [(name, root) for name, root in roots.items() if real.is_relative_to(root)]
    above.sort(key=lambda each: (each[0] != said_root, -len(each[1].parts)))
    return [_shown_in(name, root, real) for name, root in above]


def unknown_file(path: str) -> UnknownFileError:
    """Say that a reader has no such file: the same whether it is elsewhere, out of its scope, or not there."""
    return UnknownFileError(
        f"the memory holds no file {told(path)}; name one by its absolute path or as `<root name>/<relative path>`"
        " (a new one comes in by `warmline memory refresh`)"
    )


def told(path: str) -> str:
    """Quote a path for an error's text."""
    return ascii(path if len(path) <= _TOLD_CHARACTERS else f"{path[:_TOLD_CHARACTERS]}...")


def _shown_in(name: str, root: Path, real: Path) -> str:
    relative = real.relative_to(root)
    return shown_path(name, relative.as_posix() if relative.parts else "")
