"""The memory when processes are killed, files change under it, and its own files are damaged."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import tantivy

from warmline.errors import StoreDamagedError, StoreError, StoreVersionError
from warmline.memory import indexing
from warmline.memory.catalog import Catalog, FileRow
from warmline.memory.indexer import CANCELLED
from warmline.memory.indexing import COMMAND
from warmline.memory.memory import Memory
from warmline.memory.report import IndexRequest, Progress, request_to_json
from warmline.memory.writing import Indexer
from warmline.settings import MemorySettings

SMALL_BATCHES = MemorySettings(batch_bytes=20_000)
PATIENCE = 5


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
async def memory(home: Path) -> AsyncIterator[Memory]:
    opened = Memory(home, SMALL_BATCHES)
    yield opened
    await opened.close()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A hundred files of 4 KB, so that indexing them takes several batches."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(100):
        write_note(folder, number, "first")
    return folder.resolve()


def write_note(folder: Path, number: int, version: str) -> None:
    filler = f"The shelf of room {number} is dusted on Fridays.\n" * 90
    (folder / f"{number:03d}.md").write_text(f"Crate{number} holds the {version} edition.\n{filler}")


async def first_line(memory: Memory, number: int) -> str:
    found = await memory.search(f"Which edition does crate{number} hold?", 1)
    return found.passages[0].text if found.passages else ""


def killed_while_indexing(home: Path, request: IndexRequest, after_files: int) -> None:
    """Run the real indexing process and kill it when it has told of so many files."""
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request_to_json(home, SMALL_BATCHES, request)).encode() + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            if "report" in message or message["progress"]["files_done"] >= after_files:
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE) in (-signal.SIGKILL, 0)


@pytest.mark.parametrize("after_files", [0, 1])
async def test_a_killed_indexer_leaves_the_old_index_whole_and_a_refresh_repairs(
    memory: Memory, home: Path, notes: Path, after_files: int
) -> None:
    await memory.add([notes])
    for number in range(0, 100, 2):
        write_note(notes, number, "second")
    killed_while_indexing(home, IndexRequest(refresh=("notes",)), after_files)
    for number in (1, 51, 99):
        assert await first_line(memory, number) == f"Crate{number} holds the first edition."
    report = await memory.refresh()
    assert report.unchanged + report.indexed == 100
    assert report.skipped_count == 0
    for number in range(0, 100, 7):
        version = "first" if number % 2 else "second"
        assert await first_line(memory, number) == f"Crate{number} holds the {version} edition."


async def test_a_killed_first_run_is_finished_by_the_next(memory: Memory, home: Path, notes: Path) -> None:
    killed_while_indexing(home, IndexRequest(add={"notes": str(notes)}), 1)
    report = await memory.add([notes])
    assert report.indexed + report.unchanged == 100
    assert [await first_line(memory, number) for number in (0, 99)] == [
        f"Crate{number} holds the first edition." for number in (0, 99)
    ]


class _DyingCatalog(Catalog):
    def insert_files(self, rows: Iterable[FileRow]) -> None:
        raise KeyboardInterrupt


def test_documents_of_a_run_that_died_before_its_catalog_was_written_are_cleared(home: Path, notes: Path) -> None:
    """The very moment between the two commits, which a kill meets only by chance."""
    dying = Indexer(home, SMALL_BATCHES, lambda _: None)
    dying._catalog.close()
    dying._catalog = _DyingCatalog(home)
    with pytest.raises(KeyboardInterrupt):
        dying.run(IndexRequest(add={"notes": str(notes)}))
    dying.close()
    catalog = Catalog(home)
    assert catalog.files_of("notes") == {}
    left_over = catalog.garbage()
    assert left_over
    finishing = Indexer(home, SMALL_BATCHES, lambda _: None)
    assert finishing.run(IndexRequest(add={"notes": str(notes)})).indexed == 100
    finishing.close()
    assert catalog.garbage() == []
    assert len(catalog.files_of("notes")) == 100
    catalog.close()


def test_the_indexing_process_leaves_when_its_starter_is_gone(home: Path, tmp_path: Path) -> None:
    """It could not end by itself: nobody reads its report, which is longer than a pipe holds."""
    folder = tmp_path / "hidden"
    folder.mkdir()
    for number in range(1000):
        (folder / f".{number:0100d}").touch()
    request = IndexRequest(add={"hidden": str(folder)})
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request_to_json(home, SMALL_BATCHES, request)).encode() + b"\n")
        process.stdin.flush()
        assert b"progress" in process.stdout.readline()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(PATIENCE) == CANCELLED


async def test_a_cancelled_add_ends_its_process_and_leaves_nothing(memory: Memory, home: Path, notes: Path) -> None:
    begun = asyncio.Event()

    def on_progress(step: Progress) -> None:
        if step.files_done:
            begun.set()

    adding = asyncio.create_task(memory.add([notes], on_progress))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await memory.roots() == []
    catalog = Catalog(home)
    assert (catalog.unfinished(), catalog.garbage(), catalog.files_of("notes")) == ({}, [], {})
    catalog.close()
    assert (await memory.refresh()).roots == ()
    assert (await memory.add([notes])).indexed == 100
    assert await first_line(memory, 99) == "Crate99 holds the first edition."


async def test_what_a_killed_add_left_is_no_part_of_the_memory_and_the_next_run_clears_it(
    memory: Memory, home: Path, notes: Path, tmp_path: Path
) -> None:
    killed_while_indexing(home, IndexRequest(add={"notes": str(notes)}), 50)
    assert await memory.roots() == []
    assert await memory.paths() == []
    assert await first_line(memory, 0) == ""
    other = tmp_path / "other" / "notes"
    other.mkdir(parents=True)
    (other / "crate.md").write_text("Crate200 holds the other edition.\n")
    assert (await memory.add([other])).indexed == 1
    assert [(root.name, root.path, root.files) for root in await memory.roots()] == [("notes", other, 1)]
    assert await first_line(memory, 200) == "Crate200 holds the other edition."
    catalog = Catalog(home)
    assert (catalog.unfinished(), catalog.garbage()) == ({}, [])
    catalog.close()


async def test_searches_go_on_while_files_are_indexed(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    for number in range(50):
        write_note(notes, number, "second")
    refreshing = asyncio.create_task(memory.refresh())
    searches = 0
    while not refreshing.done():
        assert await first_line(memory, 99) == "Crate99 holds the first edition."
        assert await first_line(memory, 0) != "Crate0 holds the first edition."
        searches += 1
    assert searches > 0
    assert (await refreshing).indexed == 50
    assert await first_line(memory, 0) == "Crate0 holds the second edition."


async def test_an_index_that_lost_a_file_is_made_again_by_the_next_search(home: Path, notes: Path) -> None:
    first = Memory(home, SMALL_BATCHES)
    await first.add([notes])
    await first.close()
    for path in (home / "index").glob("*.term"):
        path.unlink()
    memory = Memory(home, SMALL_BATCHES)
    assert await first_line(memory, 1) == "Crate1 holds the first edition."
    assert (await memory.refresh()).unchanged == 100
    await memory.close()


async def test_an_index_that_is_gone_is_made_again(memory: Memory, home: Path, notes: Path) -> None:
    await memory.add([notes])
    for path in (home / "index").iterdir():
        path.unlink()
    assert await first_line(memory, 1) == ""
    assert (await memory.refresh()).indexed == 100
    assert await first_line(memory, 1) == "Crate1 holds the first edition."


async def test_an_index_of_an_older_version_is_made_again_by_whoever_searches_first(home: Path, notes: Path) -> None:
    first = Memory(home, SMALL_BATCHES)
    await first.add([notes])
    await first.close()
    schema = tantivy.SchemaBuilder().add_text_field("body").build()
    shutil.rmtree(home / "index")
    (home / "index").mkdir()
    tantivy.Index(schema, str(home / "index"))
    memory = Memory(home, SMALL_BATCHES)
    first_lines = await asyncio.gather(first_line(memory, 1), first_line(memory, 2))
    assert list(first_lines) == ["Crate1 holds the first edition.", "Crate2 holds the first edition."]
    await memory.close()


async def test_an_index_made_again_for_one_root_has_the_others_too(
    memory: Memory, home: Path, notes: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.md"
    other.write_text("Crate200 holds the other edition.\n")
    await memory.add([notes])
    for path in (home / "index").iterdir():
        path.unlink()
    report = await memory.add([other])
    assert (sorted(report.roots), report.indexed) == (["notes", "other.md"], 101)
    assert await first_line(memory, 1) == "Crate1 holds the first edition."
    assert await first_line(memory, 200) == "Crate200 holds the other edition."


def test_a_catalog_of_a_newer_version_is_refused_unchanged(home: Path) -> None:
    catalog = Catalog(home)
    catalog._connection.pragma("user_version", 99)
    catalog.close()
    with pytest.raises(StoreVersionError, match="newer version"):
        Memory(home, MemorySettings())


def test_a_damaged_catalog_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreDamagedError, match="delete the folder"):
        Memory(home, MemorySettings())


async def test_a_second_writer_is_refused_and_told_why(memory: Memory, home: Path, notes: Path) -> None:
    holder = Indexer(home, SMALL_BATCHES, lambda _: None)
    with pytest.raises(StoreError, match="another process is indexing"):
        await memory.add([notes])
    holder.close()
    assert (await memory.add([notes])).indexed == 100


async def test_a_process_that_ends_without_a_word_is_an_error_that_says_what_to_do(
    memory: Memory, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "COMMAND", (sys.executable, "-c", "raise SystemExit(9)"))
    with pytest.raises(StoreError, match=r"exit status 9.*warmline memory refresh"):
        await memory.add([notes])
