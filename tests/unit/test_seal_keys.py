"""The file of the seals' keys is taken as this program wrote it, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from warmline.errors import UnsafeKeyError
from warmline.security.keys import make_seals, read_seals, rotate

ONE, TWO = "1 " + "ab" * 32, "2 " + "cd" * 32


def keys(folder: Path, *lines: str) -> Path:
    path = folder / "seal.keys"
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "lines",
    [(), ("",), (ONE[:-2],), (ONE, ONE), (TWO,), (TWO, ONE), (ONE, TWO, TWO), (ONE, "99999999999 " + "ab" * 32)],
    ids=["none", "empty", "short", "one twice", "first gone", "order", "second twice", "number too large"],
)
def test_keys_that_are_not_numbered_from_one_on_are_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(UnsafeKeyError, match="restore it from a copy"):
        read_seals(keys(tmp_path, *lines))


def test_keys_are_read_again_after_each_rotation(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    seals = make_seals(path)
    assert [rotate(path, seals) for _ in range(3)] == [2, 3, 4]
    assert read_seals(path).verifies(b"message", b"[]", seals.seal(b"message", b"[]"))
