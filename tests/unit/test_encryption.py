"""An encrypted file gives back what was written, or nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import KEY
from warmline.security.encryption import (
    CHUNK_BYTES,
    MAGIC,
    SALT_BYTES,
    TAG_BYTES,
    derive,
    fingerprint,
    reading,
    writing,
)

HEAD_BYTES = len(MAGIC) + SALT_BYTES
ENCRYPTED_CHUNK = CHUNK_BYTES + TAG_BYTES
NAME = "archive/000000000001-000000001000"
SIZES = [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]


def write(path: Path, plain: bytes, piece_bytes: int = 10_000) -> bytes:
    with writing(path, KEY, NAME) as file:
        for start in range(0, len(plain), piece_bytes):
            file.write(plain[start : start + piece_bytes])
    return path.read_bytes()


def read(path: Path, key: bytes | None = KEY, name: str = NAME) -> bytes:
    with reading(path, key, name) as file:
        return file.read()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece_bytes", [777, CHUNK_BYTES, 10 * CHUNK_BYTES])
def test_what_was_written_is_read(tmp_path: Path, size: int, piece_bytes: int) -> None:
    plain = bytes(each % 251 for each in range(size))
    written = write(tmp_path / "file", plain, piece_bytes)
    assert read(tmp_path / "file") == plain
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert len(written) == HEAD_BYTES + size + chunks * TAG_BYTES


def test_nothing_of_it_shows_and_no_two_files_are_alike(tmp_path: Path) -> None:
    plain = b"the exporter listens on port 9187 " * 1000
    first, second = write(tmp_path / "first", plain), write(tmp_path / "second", plain)
    assert b"exporter" not in first
    assert first[HEAD_BYTES:] != second[HEAD_BYTES:]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of three chunks."""
    path = tmp_path_factory.mktemp("encrypted") / "file"
    write(path, bytes(range(256)) * (3 * CHUNK_BYTES // 256))
    return path


def refused(written: Path, content: bytes) -> None:
    other = written.with_name("other")
    other.write_bytes(content)
    with pytest.raises(ValueError, match=r"was changed|no encrypted file"):
        read(other)


@given(st.data())
def test_a_changed_byte_is_refused(written: Path, data: st.DataObject) -> None:
    content = bytearray(written.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    refused(written, bytes(content))


@given(st.data())
def test_a_cut_is_refused_wherever_it_is(written: Path, data: st.DataObject) -> None:
    content = written.read_bytes()
    at_a_chunk = st.integers(0, 2).map(lambda number: HEAD_BYTES + number * ENCRYPTED_CHUNK)
    refused(written, content[: data.draw(st.integers(0, len(content) - 1) | at_a_chunk)])


def test_chunks_in_another_order_twice_or_left_out_are_refused(written: Path) -> None:
    content = written.read_bytes()
    head, (first, second, last) = (
        content[:HEAD_BYTES],
        [content[start : start + ENCRYPTED_CHUNK] for start in range(HEAD_BYTES, len(content), ENCRYPTED_CHUNK)],
    )
    for chunks in (
        [second, first, last],
        [first, first, second, last],
        [first, last],
        [last],
        [first, second, last, last],
    ):
        refused(written, head + b"".join(chunks))


def test_bytes_behind_the_end_are_refused(written: Path) -> None:
    refused(written, written.read_bytes() + b"x")


def test_another_key_and_another_name_are_refused(written: Path) -> None:
    for key, name in ((bytes(32), NAME), (KEY, "archive/000000001001-000000002000")):
        with pytest.raises(ValueError, match="was changed"):
            read(written, key, name)


def test_a_plain_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"plain " * 100)
    with pytest.raises(ValueError, match="no encrypted file"):
        read(tmp_path / "plain")


def test_without_a_key_a_file_is_as_it_is(tmp_path: Path) -> None:
    with writing(tmp_path / "plain", None, NAME) as file:
        file.write(b"plain")
    assert (tmp_path / "plain").read_bytes() == b"plain"
    assert read(tmp_path / "plain", None) == b"plain"
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o600


def test_a_file_is_read_in_pieces_of_any_size(written: Path) -> None:
    pieces = io.BytesIO()
    with reading(written, KEY, NAME) as file:
        while piece := file.read(999):
            pieces.write(piece)
    assert pieces.getvalue() == read(written)


def test_what_is_derived_differs_by_purpose_and_by_key_and_shows_no_key() -> None:
    derived = {derive(key, purpose) for key in (KEY, bytes(32)) for purpose in (b"one", b"two")}
    assert len(derived) == 4
    assert fingerprint(KEY) != fingerprint(bytes(32))
    assert fingerprint(KEY) not in KEY.hex()
