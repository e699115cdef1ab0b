"""An encrypted memory: what it finds, what stands on the disk, and what a kill leaves of it."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealing import KEY
from warmline.errors import WrongKeyError
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.indexing import COMMAND
from warmline.memory.memory import Memory
from warmline.memory.report import IndexRequest, request_to_json
from warmline.memory.writing import ENCRYPTED_INDEX_FOLDER
from warmline.settings import MemorySettings

PATIENCE = 5
SMALL_BATCHES = MemorySettings(batch_bytes=64 * 1024)


class Scene:
    """A memory folder that daemons, one after the other, open with a workspace of their own."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "memory"
        self.notes = tmp_path / "notes"
        self.notes.mkdir()
        self._tmp_path = tmp_path
        self._opened: list[Memory] = []

    def encrypted(self, key: bytes = KEY) -> EncryptedIndex:
        return EncryptedIndex(
            key, self.folder / ENCRYPTED_INDEX_FOLDER, self._tmp_path / f"workspace {len(self._opened)}" / "index"
        )

    def open(self, key: bytes = KEY) -> Memory:
        self._opened.append(Memory(self.folder, SMALL_BATCHES, encrypted=self.encrypted(key)))
        return self._opened[-1]

    async def close(self) -> None:
        for memory in self._opened:
            await memory.close()

    def write(self, number: int, edition: str) -> None:
        filler = f"The shelf of room {number} is dusted on Fridays.\n" * 90
        (self.notes / f"{number:03d}.md").write_text(f"Crate{number} holds the {edition} edition.\n{filler}")

    def on_the_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


async def edition(memory: Memory, number: int) -> str:
    found = await memory.search(f"Which edition does crate{number} hold?", 1)
    return found.passages[0].text.split()[3] if found.passages else ""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    for number in range(60):
        scene.write(number, "first")
    yield scene
    await scene.close()


async def test_it_finds_what_another_finds_and_shows_no_word_or_name_on_the_disk(scene: Scene, tmp_path: Path) -> None:
    plain = Memory(tmp_path / "plain", SMALL_BATCHES)
    await plain.add([scene.notes])
    memory = scene.open()
    await memory.add([scene.notes])
    for question in ("Which edition does crate7 hold?", "When is the shelf of room 12 dusted?"):
        assert await memory.search(question, 10) == await plain.search(question, 10)
    await plain.close()
    on_the_disk = scene.on_the_disk()
    for word in (b"crate7", b"edition", b"friday", b"notes", b"007.md"):
        assert word not in on_the_disk.lower()


async def test_the_next_daemon_unpacks_it_and_goes_on(scene: Scene) -> None:
    await scene.open().add([scene.notes])
    scene.write(3, "second")
    memory = scene.open()
    report = await memory.refresh()
    assert (report.indexed, report.unchanged) == (1, 59)
    assert [await edition(memory, number) for number in (3, 4)] == ["second", "first"]
    assert [await edition(scene.open(), number) for number in (3, 4)] == ["second", "first"]


async def test_after_any_number_of_runs_the_disk_holds_the_last_commit_and_nothing_else(scene: Scene) -> None:
    """Segments are merged and removed meanwhile."""
    memory, chance = scene.open(), random.Random(7)
    await memory.add([scene.notes])
    last = dict.fromkeys(range(60), "first")
    for run in range(12):
        for number in chance.sample(range(60), 3):
            last[number] = f"run{run}"
            scene.write(number, last[number])
        await memory.refresh()
    again = scene.open()
    assert {number: await edition(again, number) for number in last} == last
    unpacked = scene._opened[-1]._encrypted
    assert unpacked is not None
    meta = json.loads((unpacked.workspace / "meta.json").read_bytes())
    living = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
    kept = {path.name.split(".")[0] for path in unpacked.folder.iterdir()} - {"", "meta"}
    assert kept == living


@pytest.mark.parametrize("after_files", [0, 1, 20, 40])
async def test_killed_with_its_daemon_it_is_whole_and_a_refresh_repairs(scene: Scene, after_files: int) -> None:
    await scene.open().add([scene.notes])
    for number in range(0, 60, 2):
        scene.write(number, "second")
    encrypted = scene.encrypted()
    encrypted.unpack()
    killed_while_indexing(scene, encrypted, after_files)
    memory = scene.open()
    for number in range(1, 60, 2):
        assert await edition(memory, number) == "first"
    report = await memory.refresh()
    assert report.unchanged + report.indexed == 60
    assert {await edition(memory, number) for number in range(0, 60, 2)} == {"second"}


def killed_while_indexing(scene: Scene, encrypted: EncryptedIndex, after_files: int) -> None:
    request = request_to_json(scene.folder, SMALL_BATCHES, IndexRequest(refresh=("notes",)), encrypted)
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            if "report" in message or message["progress"]["files_done"] >= after_files:
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE) in (-signal.SIGKILL, 0)


@pytest.mark.parametrize("damage", ["cut", "swapped", "gone"])
async def test_a_damaged_index_is_made_again(scene: Scene, damage: str) -> None:
    await scene.open().add([scene.notes])
    one, two = sorted((scene.folder / ENCRYPTED_INDEX_FOLDER).glob("*.[it]*.enc"))[:2]
    if damage == "cut":
        one.write_bytes(one.read_bytes()[:-1])
    elif damage == "swapped":
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)
    else:
        one.unlink()
    memory = scene.open()
    assert await edition(memory, 5) == "first"
    assert await edition(scene.open(), 5) == "first"


async def test_another_key_is_refused(scene: Scene) -> None:
    await scene.open().add([scene.notes])
    with pytest.raises(WrongKeyError):
        scene.open(bytes(32))
