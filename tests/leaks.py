"""Things that look like secrets and open nothing, and where their bytes lie."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

# Put together here, so that a scan of this repository finds none.
AWS = "AKIA" + "Z3QK7WVN2TLYXB5R"
OTHER_AWS = "AKIA" + "M6PJ4HCD2GSUEF7A"
GITHUB = "ghp_" + "t9XwK2vQz7LmB4nRc8YdF1hJ6sPgA3eUo5Ti"
MASKED_AWS = "[redacted aws-access-key]"
MASKED_GITHUB = "[redacted github-token]"
RAW = (AWS, OTHER_AWS, GITHUB)


def holds_raw(content: str | bytes) -> bool:
    """Tell whether a text or some bytes hold one of the secrets as it is."""
    return any(secret.encode() in (content.encode() if isinstance(content, str) else content) for secret in RAW)


def leaking_files(folder: Path, *, but: Path) -> list[str]:
    """Return the files below a folder, those below `but` left out, whose bytes hold a secret, packed or not."""
    return [str(path.relative_to(folder)) for path in _files(folder, but) if holds_raw(_content(path))]


def _files(folder: Path, but: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_relative_to(but))


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
