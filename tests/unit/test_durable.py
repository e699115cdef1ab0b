"""Files that are written durably: closed to others, whole, and never over what must stay."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmline.durable import put_in_place, sync, write_anew, writing_durably


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
@pytest.mark.parametrize("only_new", [False, True])
def test_what_is_written_is_closed_to_others_whatever_the_umask(tmp_path: Path, *, only_new: bool) -> None:
    with writing_durably(tmp_path / "file", only_new=only_new) as file:
        file.write(b"all of it")
    assert (tmp_path / "file").read_bytes() == b"all of it"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_what_was_there_is_written_over_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"something longer")
    with writing_durably(tmp_path / "file") as file:
        file.write(b"short")
    assert (tmp_path / "file").read_bytes() == b"short"


def test_what_must_be_new_is_not_written_over_nor_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a key")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError), writing_durably(tmp_path / name, only_new=True):
            pass
    assert (tmp_path / "file").read_bytes() == b"a key"
    assert not (tmp_path / "nowhere").exists()


def test_a_draft_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "draft").write_bytes(b"new")
    put_in_place(tmp_path / "draft", tmp_path / "file")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"new")]


def test_what_is_written_anew_takes_the_place_of_what_was_there_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write_anew(tmp_path / "file", content)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"second")]


def test_what_cannot_be_written_anew_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_anew(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_not_there_cannot_be_synced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "file")
