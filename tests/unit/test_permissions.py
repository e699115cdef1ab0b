"""Whose the files of a home are, and what their modes leave to others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from warmline.errors import UnsafeHomeError
from warmline.home import Home
from warmline.security.permissions import ALWAYS_CLOSED, close_to_others


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as a daemon leaves it."""
    top = tmp_path / "home"
    for folder in (top, top / "archive", top / "held", top / "memory", top / "memory" / "index"):
        folder.mkdir(0o700)
    for name in (
        "owner.token",
        "seal.keys",
        "store.db",
        "store.db-wal",
        "archive/1.jsonl.gz",
        "memory/index/meta.json",
    ):
        write(top / name)
    return top


def write(path: Path, mode: int = 0o600) -> None:
    path.write_bytes(b"something")
    path.chmod(mode)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(home: Path) -> dict[Path, int]:
    return {path: mode(path) for path in (home, *home.rglob("*"))}


def test_a_home_that_is_closed_is_left_as_it_is(home: Path) -> None:
    before = modes(home)
    assert close_to_others(home) == []
    assert modes(home) == before


@pytest.mark.parametrize("rights", [0o604, 0o640, 0o602, 0o620, 0o601])
@pytest.mark.parametrize("name", ["owner.token", "seal.keys", "store.db", "store.db-wal", "archive/1.jsonl.gz"])
def test_a_secret_that_is_open_to_others_is_refused_even_in_a_closed_home(home: Path, name: str, rights: int) -> None:
    (home / name).chmod(rights)
    with pytest.raises(UnsafeHomeError, match=rf"{name} is open to others: .* `chmod -R go= {home}`$"):
        close_to_others(home)
    assert mode(home / name) == rights


@pytest.mark.parametrize("name", ALWAYS_CLOSED)
def test_each_file_that_is_always_made_closed_is_refused_when_it_is_open(home: Path, name: str) -> None:
    (home / name).unlink() if (home / name).is_file() else None
    if (home / name).is_dir():
        (home / name).chmod(0o750)
    else:
        write(home / name, 0o640)
    with pytest.raises(UnsafeHomeError, match=name):
        close_to_others(home)


def test_the_first_is_named_and_the_others_are_counted(home: Path) -> None:
    for number in range(1200):
        write(home / "archive" / f"{number}.gz", 0o644)
    with pytest.raises(UnsafeHomeError, match=r"/archive/\d+\.gz and 1,199 more are open to others: [^\n]*$"):
        close_to_others(home)


def test_an_index_made_under_another_umask_is_closed_when_nobody_could_reach_it(home: Path) -> None:
    index = home / "memory" / "index"
    (index / "meta.json").chmod(0o644)
    index.chmod(0o755)
    assert sorted(close_to_others(home)) == [index, index / "meta.json"]
    assert set(modes(home).values()) == {0o600, 0o700}


def test_an_index_that_others_could_reach_is_refused(home: Path) -> None:
    (home / "memory" / "index" / "meta.json").chmod(0o644)
    (home / "memory" / "index").chmod(0o755)
    (home / "memory").chmod(0o755)
    home.chmod(0o755)
    with pytest.raises(UnsafeHomeError, match=r"/memory and 2 more are open"):
        close_to_others(home)


def test_a_home_in_which_others_could_see_names_only_is_closed_and_told(home: Path) -> None:
    home.chmod(0o755)
    (home / "memory" / "index" / "meta.json").chmod(0o644)
    assert close_to_others(home) == [home / "memory" / "index" / "meta.json", home]
    assert mode(home) == 0o700


def test_what_is_advised_mends_what_was_refused(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        path.chmod(mode(path) | 0o055)
    with pytest.raises(UnsafeHomeError) as refused:
        close_to_others(home)
    advice = str(refused.value).split("`")[1]
    assert os.system(advice) == 0  # noqa: S605  # as a person would run it
    assert close_to_others(home) == []


@pytest.mark.parametrize("strange", ["link", "pipe"])
def test_what_is_no_file_is_refused(home: Path, strange: str) -> None:
    (home / "store.db").unlink()
    if strange == "link":
        (home / "store.db").symlink_to(home / "owner.token")
    else:
        os.mkfifo(home / "store.db", 0o600)
    with pytest.raises(UnsafeHomeError, match=r"store\.db is no regular file"):
        close_to_others(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a file away")
def test_a_file_of_another_user_is_refused(home: Path) -> None:
    os.chown(home / "memory" / "index" / "meta.json", 12345, -1)
    with pytest.raises(UnsafeHomeError, match=r"meta\.json belongs to another user"):
        close_to_others(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a folder away")
def test_a_home_of_another_user_is_refused(home: Path) -> None:
    os.chown(home, 12345, -1)
    with pytest.raises(UnsafeHomeError, match="belongs to another user"):
        Home(home).make()


@pytest.mark.parametrize("rights", [0o720, 0o702, 0o777])
def test_a_home_that_others_could_write_to_is_refused_and_left_alone(home: Path, rights: int) -> None:
    home.chmod(rights)
    with pytest.raises(UnsafeHomeError, match="others can write to the home"):
        Home(home).make()
    assert mode(home) == rights


@pytest.mark.parametrize("rights", [0o755, 0o775, 0o777])
def test_an_empty_folder_becomes_a_closed_home(tmp_path: Path, rights: int) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(rights)
    Home(tmp_path / "home").make()
    assert mode(tmp_path / "home") == 0o700
