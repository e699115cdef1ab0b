"""A store that is damaged or newer: the daemon refuses and says which, and the file stays as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from real_home import RealHome
from warmline.home import Home

PAGE_BYTES = 4096


@pytest.fixture(scope="module")
def whole_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a hundred questions, that was closed in order."""
    home = RealHome(tmp_path_factory.mktemp("whole") / "home")
    home.serve()
    client = home.client()
    for number in range(100):
        client.call("POST", "/v1/questions", {"question": f"question {number} " * 20})
    home.close()
    return home.home.store


def copy_store(whole: Path, home: Home) -> None:
    shutil.copy(whole, home.store)
    shutil.copy(Home(whole.parent).seal_keys, home.seal_keys)


def overwrite(store: Path, start: int, data: bytes) -> None:
    with store.open("r+b") as file:
        file.seek(start)
        file.write(data)


def spoil_the_header(store: Path) -> None:
    overwrite(store, 0, b"garbage " * 16)


def cut_it_short(store: Path) -> None:
    whole = store.read_bytes()
    store.write_bytes(whole[: len(whole) // 2 // PAGE_BYTES * PAGE_BYTES])


def cut_within_a_page(store: Path) -> None:
    store.write_bytes(store.read_bytes()[:5000])


def spoil_a_page(store: Path) -> None:
    overwrite(store, store.stat().st_size // PAGE_BYTES // 2 * PAGE_BYTES, b"\xaa" * PAGE_BYTES)


def put_text_in_its_place(store: Path) -> None:
    store.write_text("Dear diary, today I was mistaken for a database.\n")


def put_another_program_in_its_place(store: Path) -> None:
    store.unlink()
    store.touch(mode=0o600)
    other = apsw.Connection(str(store))
    other.execute("create table notes (text); insert into notes values ('mine')")
    other.close()


def write_it_with_a_newer_version(store: Path) -> None:
    newer = apsw.Connection(str(store))
    newer.pragma("user_version", 9999)
    newer.pragma("journal_mode", "delete")
    newer.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_the_header, "is damaged or no SQLite file"),
        (cut_it_short, "is damaged"),
        (cut_within_a_page, "is damaged"),
        (spoil_a_page, "is damaged"),
        (put_text_in_its_place, "no SQLite file"),
        (put_another_program_in_its_place, "is no store of Warmline"),
        (write_it_with_a_newer_version, "newer Warmline"),
    ],
)
def test_a_store_that_cannot_be_trusted_is_refused_and_left_alone(
    real_home: RealHome, whole_store: Path, spoil: Callable[[Path], None], said: str
) -> None:
    home = real_home.home
    home.make()
    copy_store(whole_store, home)
    spoil(home.store)
    before = home.store.read_bytes()
    for command in (["ask", "why?"], ["serve", "--port", "0"]):
        refused = real_home.run(*command)
        assert refused.returncode == 1
        assert refused.stdout == b""
        [line] = refused.stderr.decode().splitlines()
        assert line.startswith("warmline: ")
        assert f"{home.store} " in line
        assert said in line
        assert home.store.read_bytes() == before
    assert sorted(path.name for path in home.path.glob("store.db*")) == ["store.db"]


def test_the_same_store_unspoilt_is_served(real_home: RealHome, whole_store: Path) -> None:
    real_home.home.make()
    copy_store(whole_store, real_home.home)
    assert real_home.json("questions", "--count") == {"count": 100}
