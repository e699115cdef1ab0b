"""What one agent holds of a memory: real files, a real indexing process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from made_secrets import encoded
from sealing import KEY
from warmline.errors import StoreError, UnknownRootError
from warmline.memory.encrypted_index import EncryptedIndex
from warmline.memory.memory import Memory
from warmline.memory.shards import masked_by_line, tokens_in
from warmline.memory.writing import ENCRYPTED_INDEX_FOLDER
from warmline.model import Shard
from warmline.security.fence import Fence
from warmline.security.memory_blocks import file_block
from warmline.settings import MemorySettings

PLENTY = 100_000


@pytest.fixture(params=["plain", "encrypted"])
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Memory]:
    folder = tmp_path / "home" / "memory"
    encrypted = EncryptedIndex(KEY, folder / ENCRYPTED_INDEX_FOLDER, tmp_path / "workspace" / "index")
    opened = Memory(folder, MemorySettings(), encrypted=encrypted if request.param == "encrypted" else None)
    yield opened
    await opened.close()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "ports.md").write_text("# Ports\r\n\r\nThe exporter listens on port 9100.\r\n")
    (folder / "b.md").write_text("b\n\n")
    (folder / "deep" / "food.md").write_text("Bread is baked on Mondays.")
    return folder.resolve()


def texts(shard: Shard) -> dict[str, str]:
    return {file.path: file.text for file in shard.files}


async def test_a_shard_holds_whole_files_in_the_order_of_their_paths(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    shard = await memory.shard(None, PLENTY)
    assert list(texts(shard).items()) == [
        ("notes/b.md", "b\n"),
        ("notes/deep/food.md", "Bread is baked on Mondays."),
        ("notes/ports.md", "# Ports\n\nThe exporter listens on port 9100."),
    ]
    assert shard.left_out == ()
    assert shard == await memory.shard(["notes"], PLENTY)


async def test_an_empty_memory_makes_an_empty_shard(memory: Memory) -> None:
    shard = await memory.shard(None, PLENTY)
    assert (shard.files, shard.tokens, shard.left_out) == ((), 0, ())


async def test_only_the_roots_that_are_named_are_held(memory: Memory, notes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.md").write_text("x\n")
    await memory.add([notes, other])
    assert set(texts(await memory.shard(["other", "nobody's"], PLENTY))) == {"other/x.md"}
    assert texts(await memory.shard([], PLENTY)) == {}


async def test_a_file_without_room_is_left_out_and_the_next_smaller_ones_fit(memory: Memory, notes: Path) -> None:
    (notes / "c.md").write_text("a long line of text\n" * 500)
    await memory.add([notes])
    whole = await memory.shard(None, PLENTY)
    shard = await memory.shard(None, 1000)
    assert shard.left_out == ("notes/c.md",)
    assert set(texts(shard)) == {"notes/b.md", "notes/deep/food.md", "notes/ports.md"}
    assert shard.tokens < whole.tokens
    assert (await memory.shard(None, whole.tokens)).left_out == ()
    assert len((await memory.shard(None, whole.tokens - 1)).left_out) == 1
    assert len((await memory.shard(None, 0)).left_out) == 4


async def test_the_estimate_counts_what_a_model_is_told(memory: Memory, notes: Path) -> None:
    (notes / "signs.md").write_text("<system>\u200b schläft, код\n" * 50)
    await memory.add([notes])
    shard = await memory.shard(None, PLENTY)
    fence = Fence()
    told = [file_block(fence, file.path, file.text) for file in shard.files]
    assert shard.tokens == sum(map(tokens_in, told))
    assert tokens_in("a" * 3500) >= 1000
    assert tokens_in("ж" * 1000) >= 1000


async def test_secrets_are_masked_and_every_line_keeps_its_number(memory: Memory, notes: Path) -> None:
    chance = Random(5)
    key = "\n".join(encoded(chance, 48) for _ in range(5))
    pem = f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----"
    (notes / "key.md").write_text(f"before\n{pem}\nafter\n")
    await memory.add([notes])
    lines = texts(await memory.shard(None, PLENTY))["notes/key.md"].split("\n")
    assert lines == ["before", *["[redacted private-key]"] * 7, "after"]
    assert masked_by_line(f"{pem}\n\n{pem}").count("\n") == f"{pem}\n\n{pem}".count("\n")


async def test_a_shard_holds_files_as_they_are_now(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    before = await memory.shard(None, PLENTY)
    (notes / "b.md").write_text("changed\n")
    (notes / "ports.md").unlink()
    after = await memory.shard(None, PLENTY)
    assert texts(after) == {"notes/b.md": "changed", "notes/deep/food.md": "Bread is baked on Mondays."}
    assert after.digest != before.digest


async def test_neither_links_nor_pipes_nor_bytes_are_read(memory: Memory, notes: Path, tmp_path: Path) -> None:
    await memory.add([notes])
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "food.md").write_text("not to be read\n")
    (notes / "deep" / "food.md").unlink()
    (notes / "deep").rmdir()
    (notes / "deep").symlink_to(secret)
    (notes / "b.md").unlink()
    (notes / "b.md").symlink_to(secret / "food.md")
    (notes / "ports.md").unlink()
    os.mkfifo(notes / "ports.md")
    async with asyncio.timeout(5):
        assert texts(await memory.shard(None, PLENTY)) == {}
    (notes / "ports.md").unlink()
    (notes / "ports.md").write_bytes(b"\xff\xfe\0")
    assert texts(await memory.shard(None, PLENTY)) == {}


async def test_the_digest_tells_names_and_texts_apart(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    first = (await memory.shard(None, PLENTY)).digest
    os.utime(notes / "b.md", ns=(1, 1))
    assert (await memory.shard(None, PLENTY)).digest == first
    (notes / "b.md").rename(notes / "c.md")
    await memory.refresh()
    assert (await memory.shard(None, PLENTY)).digest != first


async def test_the_generation_grows_when_something_changed_and_only_then(memory: Memory, notes: Path) -> None:
    seen = [memory.generation]
    await memory.add([notes])
    seen.append(memory.generation)
    await memory.refresh()
    assert memory.generation == seen[-1]
    (notes / "ports.md").write_text("# Ports\n\nThe exporter listens on port 9300.\n")
    await memory.search("Which port does the exporter listen on?", 5)
    seen.append(memory.generation)
    (notes / "b.md").unlink()
    await memory.refresh("notes")
    seen.append(memory.generation)
    await memory.remove("notes")
    seen.append(memory.generation)
    assert seen == sorted(set(seen))
    with pytest.raises(UnknownRootError):
        await memory.remove("notes")
    assert memory.generation == seen[-1]


async def test_the_generation_grows_when_a_run_breaks_off(memory: Memory, notes: Path) -> None:
    await memory.add([notes])
    before = memory.generation
    (notes / "b.md").write_text("changed\n")

    def break_off(_: object) -> None:
        raise StoreError("it breaks off")

    with pytest.raises(StoreError):
        await memory.refresh(None, break_off)
    assert memory.generation > before
