"""Encrypting and decrypting a home, killed at every moment: all that it held is there, and the next start is clean."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import BY, KEY, SEALS
from store_cases import LEASE, a_question, an_answer
from warmline.errors import StoreDamagedError, StoreFullError
from warmline.home import Home
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.memory import Memory
from warmline.memory.writing import ENCRYPTED_INDEX_FOLDER
from warmline.model import MEMORY_MAILBOX, State
from warmline.operations.turning import finish, turn
from warmline.security.databases import open_database
from warmline.security.encryption import fingerprint
from warmline.security.key_place import KeyPlace, find_place
from warmline.settings import MemorySettings, StoreSettings
from warmline.stores import archive_verbs, ledger
from warmline.stores.sqlite import SqliteStore

MARK = b"the heron nests in the boathouse"
BODY = MARK.decode()
PLACE = KeyPlace(fingerprint(KEY), Path("/somewhere/else"))
SETTINGS = StoreSettings(archive_units=5)

KILLER = """
import os, shutil, signal, sys
from pathlib import Path
from warmline.home import Home
from warmline.operations.turning import turn
from warmline.security.key_place import KeyPlace, find_place

pristine, work, key, target, fingerprint = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
key = bytes.fromhex(key)
keys, place = ((None, key), KeyPlace(fingerprint, Path("/k"))) if target == "encrypted" else ((key, None), None)
WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "shutil.rmtree", "os.chmod"}

def attempt(moment, home):
    left = moment
    def count(event, arguments):
        nonlocal left
        if event in WATCHED and str(home) in str(arguments[0]):
            step()
    def step(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    turn(Home(home), keys, place, step)

moment = 0
while True:
    moment += 1
    home = work / f"{moment:04d}"
    shutil.copytree(pristine, home)
    child = os.fork()
    if child == 0:
        try:
            attempt(moment, home)
        except BaseException as error:
            print(type(error), error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
"""


def sums(home: Home, key: bytes | None) -> dict[str, int]:
    """Weigh all rows, and check that the ledger agrees."""
    connection = open_database(home.store, key)
    weighed = ledger.weigh_all(connection, SEALS)
    assert ledger.is_sealed(connection, SEALS)
    assert ledger.read(connection).sums == weighed
    connection.close()
    return weighed


async def archived(home: Home, key: bytes | None) -> int:
    """Open the store, count what its archive's files hold, and see that it works."""
    store = SqliteStore(home.store, SETTINGS, ManualClock(), SEALS, key=key)
    await store.open()
    listed = await store.database.read(archive_verbs.files)
    posts = [post for name in listed for post in store.database.archive._files.read(name)]
    assert sum(BODY in post.message.body for post in posts) == 12
    assert (await store.tally())[State.READY] == 3
    await store.close()
    return len(posts)


def memory_of(home: Home, key: bytes | None, workspace: Path) -> Memory:
    encrypted = EncryptedIndex(key, home.memory / ENCRYPTED_INDEX_FOLDER, workspace) if key else None
    return Memory(home.memory, MemorySettings(), encrypted=encrypted)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with open questions, an archive of several files, and a memory."""
    folder = tmp_path_factory.mktemp("filled")
    home, notes = Home(folder / "home"), folder / "notes"
    home.make()
    notes.mkdir()
    (notes / "birds.md").write_text(f"# Birds\n\nIn May {BODY}.\n")
    asyncio.run(fill(home, notes))
    return home.path


async def fill(home: Home, notes: Path) -> None:
    clock = ManualClock()
    store = SqliteStore(home.store, SETTINGS, clock, SEALS)
    await store.open()
    await store.add_mailbox(MEMORY_MAILBOX)
    for number in range(12):
        await store.add(a_question(clock, f"{number}: {BODY}?"), MEMORY_MAILBOX)
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
        await store.settle(lease, an_answer(clock, lease.message))
    for number in range(3):
        await store.add(a_question(clock, f"open {number}: {BODY}?"), MEMORY_MAILBOX)
    assert await store.archive(clock.now() + timedelta(days=1), by=BY)
    await store.close()
    memory = memory_of(home, None, home.path)
    await memory.add([notes])
    await memory.close()


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Home:
    shutil.copytree(filled, tmp_path / "home")
    return Home(tmp_path / "home")


def plain_bytes(home: Home) -> list[Path]:
    return [path for path in home.path.rglob("*") if path.is_file() and MARK in path.read_bytes()]


def names(home: Home) -> set[str]:
    return {str(path.relative_to(home.path)) for path in home.path.rglob("*")}


async def test_encrypted_and_decrypted_again_all_is_as_it_was(home: Home, tmp_path: Path) -> None:
    before, files, before_names = sums(home, None), await archived(home, None), names(home)
    assert plain_bytes(home)
    seen: list[tuple[int, int]] = []
    turn(home, (None, KEY), PLACE, lambda done, total: seen.append((done, total)))
    assert plain_bytes(home) == []
    assert find_place(home.encryption) == PLACE
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert sums(home, KEY) == before
    assert await archived(home, KEY) == files > 0
    memory = memory_of(home, KEY, tmp_path / "workspace")
    assert BODY in (await memory.search("Where does the heron nest?", 3)).passages[0].text
    await memory.close()
    turn(home, (KEY, None), None, lambda _done, _total: None)
    assert sums(home, None) == before
    assert await archived(home, None) == files
    memory = memory_of(home, None, home.path)
    assert BODY in (await memory.search("Where does the heron nest?", 3)).passages[0].text
    await memory.close()
    assert names(home) - {"memory/index/.tantivy-meta.lock", "memory/index/.tantivy-writer.lock"} == before_names - {
        "memory/index/.tantivy-meta.lock",
        "memory/index/.tantivy-writer.lock",
    }


@pytest.mark.parametrize("target", ["encrypted", "plain"])
async def test_killed_at_any_moment_either_the_old_or_the_new_is_whole(home: Home, tmp_path: Path, target: str) -> None:
    before, files = sums(home, None), await archived(home, None)
    if target == "plain":
        turn(home, (None, KEY), PLACE, lambda _done, _total: None)
    work = tmp_path / "killed"
    work.mkdir()
    arguments = [str(home.path), str(work), KEY.hex(), target, fingerprint(KEY)]
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", KILLER, *arguments], check=True, timeout=100)
    left = [Home(path) for path in sorted(work.iterdir())]
    assert len(left) > 50
    outcomes = []
    for killed in left:
        finish(killed)
        assert not {"turning", "turning.new"} & names(killed)
        key = KEY if find_place(killed.encryption) else None
        outcomes.append(key is not None)
        assert sums(killed, key) == before
        assert bool(plain_bytes(killed)) == (key is None)
        kept = {"index", "index.enc"} & {path.name for path in killed.memory.iterdir()}
        assert kept == {"index.enc" if key else "index"}
    assert await archived(left[-1], key) == files
    assert await archived(left[0], KEY if outcomes[0] else None) == files
    turned = [outcome == (target == "encrypted") for outcome in outcomes]
    assert turned == sorted(turned)  # from one moment on it is the new
    assert not turned[0]
    assert turned[-1]


async def test_a_log_that_a_reader_holds_open_is_not_read_as_that_of_the_new_store(home: Home) -> None:
    """SQLite removes the log with the last connection; one that looks at the store keeps it."""
    looking = open_database(home.store, None)
    looking.pragma("wal_autocheckpoint", 0)
    before = sums(home, None)
    looking.execute("begin; select count(*) from message")
    writing = open_database(home.store, None)
    writing.pragma("user_version", writing.pragma("user_version"))
    writing.close()
    assert home.store.with_name("store.db-wal").stat().st_size > 0
    turn(home, (None, KEY), PLACE, lambda _done, _total: None)
    assert sums(home, KEY) == before
    looking.close()
    assert sums(home, KEY) == before
    assert plain_bytes(home) == []


async def test_what_is_cut_off_after_the_moment_is_ended_even_when_it_is_killed_again_and_again(home: Home) -> None:
    before = sums(home, None)
    turn(home, (None, KEY), PLACE, lambda _done, _total: None)
    whole = home.path / "turning"
    whole.mkdir()
    home.store.rename(whole / "store.db")
    home.archive.rename(whole / "archive")
    home.archive.mkdir()
    (home.archive / "left of the old").touch()
    finish(home)
    finish(home)
    assert sums(home, KEY) == before
    assert await archived(home, KEY) > 0


@pytest.fixture
def small_home(filled: Path, tmp_path: Path) -> Iterator[Home]:
    """The home on a disk without room for another of its size."""
    mount, folder = shutil.which("mount"), tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or mount is None:
        pytest.skip("NOT TESTED: only root can mount a small file system")
    used_kilobytes = sum(-(-path.stat().st_size // 4096) * 4 for path in filled.rglob("*") if path.is_file())
    options = ["-t", "tmpfs", "-o", f"size={used_kilobytes + 80}k", "tmpfs", str(folder)]
    if subprocess.run([mount, *options], check=False).returncode != 0:
        pytest.skip("NOT TESTED: no file system can be mounted here")
    shutil.copytree(filled, folder / "home")
    yield Home(folder / "home")
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_leaves_the_old_in_use(small_home: Home) -> None:
    before, before_names = sums(small_home, None), names(small_home)
    with pytest.raises(StoreFullError):
        turn(small_home, (None, KEY), PLACE, lambda _done, _total: None)
    assert sums(small_home, None) == before
    assert names(small_home) == before_names


def test_a_damaged_archive_file_stops_it_and_the_old_stays_in_use(home: Home) -> None:
    turn(home, (None, KEY), PLACE, lambda _done, _total: None)
    file = next(home.archive.iterdir())
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreDamagedError, match=file.name):
        turn(home, (KEY, None), None, lambda _done, _total: None)
    assert find_place(home.encryption) == PLACE
    assert plain_bytes(home) == []


def test_a_home_without_anything_is_encrypted_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    turn(home, (None, KEY), PLACE, lambda _done, _total: None)
    assert names(home) == {"encryption.json"}
    turn(home, (KEY, None), None, lambda _done, _total: None)
    assert names(home) == set()
