"""The memory from its outside: real files, a real indexing process, a real index."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from warmline.errors import InvalidInputError, UnknownRootError, UnsafePathError
from warmline.memory import indexing
from warmline.memory.memory import Memory
from warmline.memory.report import Progress
from warmline.settings import MemorySettings

QUESTION = "Which port does the exporter listen on?"


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    opened = Memory(tmp_path / "home" / "memory", MemorySettings(), private=(tmp_path / "home",))
    yield opened
    await opened.close()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "ports.md").write_text("# Ports\n\nThe exporter listens on port 9100.\nThe relay does not.\n")
    (folder / "deep" / "food.md").write_text("# Food\n\nBread is baked on Mondays.\n")
    return folder.resolve()


async def lines_found(memory: Memory, question: str = QUESTION) -> list[tuple[str, int, str]]:
    found = await memory.search(question, 10)
    return [(passage.path, passage.first_line, passage.text) for passage in found.passages]


async def test_an_added_folder_is_found_by_root_name_and_line(memory: Memory, notes: Path) -> None:
    seen: list[Progress] = []
    report = await memory.add([notes], seen.append)
    assert (report.roots, report.indexed, report.lines, report.skipped) == (("notes",), 2, 7, ())
    assert seen[-1].files_done == seen[-1].files_total == 2
    assert (await lines_found(memory))[0] == ("notes/ports.md", 3, "The exporter listens on port 9100.")


async def test_an_empty_memory_finds_nothing_and_is_not_confident(memory: Memory) -> None:
    found = await memory.passages(QUESTION, 5)
    assert (found.passages, found.confidence) == ((), 0.0)


async def test_adding_a_root_again_reads_only_what_changed(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    (notes / "deep" / "food.md").write_text("# Food\n\nBread is baked on Tuesdays.\n")
    report = await memory.add([notes])
    assert (report.indexed, report.unchanged, report.removed) == (1, 1, 0)
    assert [root.name for root in await memory.roots()] == ["notes"]


async def test_a_touched_file_with_the_same_bytes_is_unchanged(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    os.utime(notes / "ports.md", ns=(1, 1))
    report = await memory.refresh()
    assert (report.indexed, report.unchanged) == (0, 2)
    assert (await lines_found(memory))[0][0] == "notes/ports.md"


async def test_two_roots_of_one_name_get_two_names(memory: Memory, notes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "notes"
    other.mkdir(parents=True)
    (other / "ports.md").write_text("The exporter of the other site listens on port 9200.\n")
    await memory.add([notes, other])
    assert [root.name for root in await memory.roots()] == ["notes", "notes-2"]
    assert {path for path, _, _ in await lines_found(memory)} == {"notes/ports.md", "notes-2/ports.md"}


async def test_a_file_can_be_a_root_and_is_shown_by_its_name(memory: Memory, notes: Path) -> None:
    await memory.add([notes / "ports.md"])
    assert (await lines_found(memory))[0][0] == "ports.md"
    assert memory.resolve("ports.md") == notes / "ports.md"


async def test_an_edited_file_is_never_shown_with_its_old_lines(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    (notes / "ports.md").write_text("# Ports\n\nSince May:\nThe exporter listens on port 9300.\n")
    assert (await lines_found(memory))[0] == ("notes/ports.md", 4, "The exporter listens on port 9300.")


async def test_lines_that_moved_are_shown_at_their_new_numbers(memory: Memory, notes: Path) -> None:
    filler = "".join(f"Shelf {number} is dusted on Fridays.\n" for number in range(60))
    (notes / "long.md").write_text(f"{filler}The lantern hangs in the porch.\n{filler}")
    await memory.add([notes])
    assert (await lines_found(memory, "Where does the lantern hang?"))[0][1] == 61
    (notes / "long.md").write_text(f"new\n\n{filler}The lantern hangs in the porch.\n{filler}")
    assert (await lines_found(memory, "Where does the lantern hang?"))[0][1] == 63


async def test_the_order_of_equals_does_not_depend_on_the_order_of_indexing(memory: Memory, notes: Path) -> None:
    text = (notes / "ports.md").read_text()
    (notes / "b.md").write_text(text)
    await memory.add([notes])
    (notes / "a.md").write_text(text)
    await memory.refresh()
    found = [path for path, line, _ in await lines_found(memory) if line == 3]
    assert found == ["notes/ports.md", "notes/a.md", "notes/b.md"], "the path names what is asked for, then equals"


async def test_a_deleted_file_drops_out(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    (notes / "ports.md").unlink()
    assert await lines_found(memory) == []
    assert (await memory.stats()).files == 1


async def test_a_deleted_file_that_is_back_is_found_again(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    before = await lines_found(memory)
    text = (notes / "ports.md").read_text()
    (notes / "ports.md").unlink()
    assert await lines_found(memory) == []
    assert await lines_found(memory, "When is bread baked?") != []
    (notes / "ports.md").write_text(text)
    assert await lines_found(memory) == before
    assert (await memory.refresh()).unchanged == 2


async def test_a_file_that_was_empty_for_a_while_is_found_again(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    (notes / "ports.md").write_text("")
    assert await lines_found(memory) == []
    (notes / "ports.md").write_text("The exporter listens on port 9300.\n")
    assert await lines_found(memory) == [("notes/ports.md", 1, "The exporter listens on port 9300.")]


async def test_a_root_that_is_back_is_found_again_with_all_beneath_it(memory: Memory, notes: Path) -> None:
    few = MemorySettings().max_dropped_files
    for number in range(few + 20):
        (notes / f"{number}.md").write_text(f"Crate{number} is blue.\n")
    await memory.add([notes])
    away = notes.with_name("away")
    shutil.move(notes, away)
    assert await lines_found(memory) == []
    assert (await memory.stats()).files == 0
    shutil.move(away, notes)
    assert (await lines_found(memory))[0] == ("notes/ports.md", 3, "The exporter listens on port 9100.")
    assert (await memory.stats()).files == few + 22


async def test_what_is_back_and_no_text_any_more_is_looked_at_once(
    memory: Memory, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await memory.add([notes])
    (notes / "ports.md").unlink()
    assert await lines_found(memory) == []
    (notes / "ports.md").write_bytes(b"exporter\0port")
    assert await lines_found(memory) == []
    monkeypatch.setattr(indexing, "COMMAND", (sys.executable, "-c", "raise SystemExit(9)"))
    before = memory.generation  # it would grow with a run that breaks off
    (notes / "ports.md").write_bytes(b"exporter\0port 2")
    assert await lines_found(memory) == []
    assert memory.generation == before


async def test_a_removed_root_leaves_nothing(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    report = await memory.remove("notes")
    assert report.removed == 2
    assert await memory.roots() == []
    assert await lines_found(memory) == []
    with pytest.raises(UnknownRootError):
        memory.resolve("notes/ports.md")
    with pytest.raises(UnknownRootError):
        await memory.remove("notes")


async def test_a_second_memory_on_the_folder_finds_what_the_first_indexed(
    memory: Memory, notes: Path, tmp_path: Path
) -> None:
    await memory.add([notes])
    second = Memory(tmp_path / "home" / "memory", MemorySettings())
    assert (await lines_found(second)) == (await lines_found(memory))
    await second.close()


async def test_the_folder_and_its_files_are_the_owners_alone(memory: Memory, notes: Path, tmp_path: Path) -> None:
    await memory.add([notes])
    await memory.search(QUESTION, 1)
    folder = tmp_path / "home" / "memory"
    modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


async def test_a_path_that_is_missing_is_refused_by_name(memory: Memory, notes: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"nowhere does not exist"):
        await memory.add([notes, notes / "nowhere"])
    assert await memory.roots() == []


async def test_a_fifo_a_socket_and_a_device_are_refused_by_name(memory: Memory, tmp_path: Path) -> None:
    pipe, sock = tmp_path / "pipe", tmp_path / "sock"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sock))
        for path, what in ((pipe, "a FIFO"), (sock, "a socket"), (Path("/dev/null"), "a device")):
            with pytest.raises(UnsafePathError, match=what):
                await memory.add([path])


async def test_the_home_of_the_line_cannot_be_remembered(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="home"):
        await memory.add([tmp_path / "home" / "memory"])
    report = await memory.add([tmp_path])
    assert [entry.reason for entry in report.skipped if entry.path.endswith("/home")] == ["the memory's own home"]


@pytest.mark.parametrize(
    "shown",
    [
        "notes/../secret",
        "notes/deep/../ports.md",
        "notes/deep/../../secret",
        "notes//etc/passwd",
        "/etc/passwd",
        "notes/a\0b",
        "notes/link",
    ],
)
async def test_a_path_that_leaves_its_root_is_refused(memory: Memory, notes: Path, tmp_path: Path, shown: str) -> None:
    (tmp_path / "secret").write_text("secret")
    (notes / "link").symlink_to(tmp_path / "secret")
    await memory.add([notes])
    with pytest.raises(UnsafePathError):
        memory.resolve(shown)


async def test_a_path_below_its_root_is_resolved_even_when_nothing_is_there(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    assert memory.resolve("notes/deep/new.md") == notes / "deep" / "new.md"
    with pytest.raises(UnknownRootError):
        memory.resolve("elsewhere/new.md")
