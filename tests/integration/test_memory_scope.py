"""A reader who may see some roots of a memory: to it, the others are not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from warmline.errors import UnknownRootError
from warmline.memory.catalog import Catalog
from warmline.memory.citations import FileVerifier
from warmline.memory.memory import Memory, MemoryStats
from warmline.model import CitationStatus, Claim, Recollection
from warmline.settings import MemorySettings

QUESTION = "Which port does the exporter listen on?"
NOTES = frozenset({"notes"})
PUBLIC = "# Ports\n\nThe exporter of the office listens on port 9100.\nBread is baked on Mondays.\n"
BETTER = "# Ports\n\nThe exporter listens on port 9200.\nThe exporter's port: 9200, listen there.\n"

HOSTILE_NAMES = ["", "/", ".", "..", "notes/", "/notes", "NOTES", "notes\0", "*", "\ud800", "n" * 10_000]


@asynccontextmanager
async def remembering(home: Path, roots: Mapping[str, str], copies: int = 1) -> AsyncIterator[Memory]:
    """Open a memory with a folder for each root, of so many files with that text."""
    folders = [home / "roots" / name for name in roots]
    for folder, text in zip(folders, roots.values(), strict=True):
        folder.mkdir(parents=True)
        for number in range(copies):
            (folder / f"ports-{number}.md").write_text(text)
    memory = Memory(home / "memory", MemorySettings())
    await memory.add(folders)
    yield memory
    await memory.close()


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    """Hold `notes` beside `secret`, which answers better."""
    async with remembering(tmp_path, {"notes": PUBLIC, "secret": BETTER}) as opened:
        yield opened


def lines_of(found: Recollection) -> list[tuple[str, int, str]]:
    return [(passage.path, passage.first_line, passage.text) for passage in found.passages]


async def test_a_scoped_question_finds_only_its_roots(memory: Memory) -> None:
    everything, scoped = await memory.passages(QUESTION, 9), await memory.passages(QUESTION, 9, NOTES)
    assert everything.passages[0].path == "secret/ports-0.md"
    assert {passage.path for passage in everything.passages} == {"secret/ports-0.md", "notes/ports-0.md"}
    assert {passage.path for passage in scoped.passages} == {"notes/ports-0.md"}


async def test_a_scope_of_every_root_finds_exactly_what_no_scope_finds(memory: Memory) -> None:
    assert await memory.search(QUESTION, 9, NOTES | {"secret"}) == await memory.search(QUESTION, 9)


async def test_a_scoped_question_ranks_as_a_memory_of_that_root_alone(memory: Memory, tmp_path: Path) -> None:
    async with remembering(tmp_path / "alone", {"notes": PUBLIC}) as alone:
        scoped, own = await memory.search(QUESTION, 9, NOTES), await alone.search(QUESTION, 9)
    assert lines_of(scoped) == lines_of(own) != []


async def test_equal_lines_of_another_root_change_no_score_and_no_confidence(memory: Memory, tmp_path: Path) -> None:
    """How rare a word is counts in the whole memory: here each is as rare in both of its halves."""
    async with remembering(tmp_path / "twice", {"notes": PUBLIC, "copy": PUBLIC}) as twice:
        among_equals = await twice.search(QUESTION, 9, NOTES)
        everything = await twice.search(QUESTION, 9)
    assert among_equals.confidence == everything.confidence > 0
    assert among_equals.passages == tuple(each for each in everything.passages if each.path.startswith("notes/"))


async def test_a_small_root_beside_hundreds_of_better_blocks_is_searched_in_full(tmp_path: Path) -> None:
    copies = 2 * MemorySettings().blocks_read + 20
    async with remembering(tmp_path, {"secret": BETTER}, copies) as memory:
        small = tmp_path / "roots" / "notes"
        small.mkdir()
        (small / "ports.md").write_text(PUBLIC)
        await memory.add([small])
        unscoped = await memory.search(QUESTION, 1000)
        scoped = await memory.search(QUESTION, 1000, NOTES)
    assert {passage.path.partition("/")[0] for passage in unscoped.passages} == {"secret"}
    assert lines_of(scoped)[0] == ("notes/ports.md", 3, "The exporter of the office listens on port 9100.")


async def test_a_scope_of_no_root_finds_nothing_and_is_not_confident(memory: Memory) -> None:
    assert await memory.search(QUESTION, 9, frozenset()) == Recollection((), 0.0)
    assert await memory.passages(QUESTION, 9, frozenset()) == Recollection((), 0.0)
    assert await memory.roots(frozenset()) == []
    assert await memory.stats(frozenset()) == MemoryStats(0, 0, 0, 0)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
async def test_a_hostile_name_finds_nothing_and_hides_nothing(memory: Memory, name: str) -> None:
    assert await memory.search(QUESTION, 9, frozenset({name})) == Recollection((), 0.0)
    assert await memory.roots(frozenset({name})) == []
    assert await memory.search(QUESTION, 9, NOTES | {name}) == await memory.search(QUESTION, 9, NOTES)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
async def test_a_claim_within_a_hostile_name_is_unsupported(memory: Memory, name: str) -> None:
    verifier = FileVerifier(memory.indexed, MemorySettings())
    claims = [Claim("notes/ports-0.md", 3, 3, "listens on port 9100"), Claim(name, 1, 1, "listens on port 9100")]
    citations = await verifier.verify(claims, frozenset({name}))
    assert [citation.status for citation in citations] == [CitationStatus.UNSUPPORTED] * 2


async def test_roots_and_counts_are_those_of_the_scope(memory: Memory) -> None:
    assert [root.name for root in await memory.roots(NOTES)] == ["notes"]
    assert await memory.stats(NOTES) == MemoryStats(1, 1, 4, len(PUBLIC))


@pytest.mark.parametrize("first", [3, 1], ids=["verified", "moved"])
async def test_a_true_claim_on_a_root_outside_is_cited_as_one_on_no_file(memory: Memory, first: int) -> None:
    verifier = FileVerifier(memory.indexed, MemorySettings())
    claim = Claim("secret/ports-0.md", first, first, "The exporter listens on port 9200.")
    nowhere = Claim("nowhere/ports-0.md", first, first, claim.quote)
    inside, outside, absent = [
        (await verifier.verify([each], within))[0]
        for each, within in [(claim, NOTES | {"secret"}), (claim, NOTES), (nowhere, None)]
    ]
    assert inside.status is (CitationStatus.VERIFIED if first == 3 else CitationStatus.MOVED)
    assert (outside.status, outside.file_digest, outside.span_digest) == (CitationStatus.UNSUPPORTED, "", "")
    assert (outside.first_line, outside.last_line) == (first, first)
    assert outside.path == claim.path
    assert (absent.status, absent.file_digest, absent.span_digest) == (outside.status, "", "")


async def test_a_root_outside_is_refused_in_the_words_for_one_that_is_not_there(memory: Memory) -> None:
    with pytest.raises(UnknownRootError) as outside:
        memory.resolve("secret/ports-0.md", NOTES)
    await memory.remove("secret")
    with pytest.raises(UnknownRootError) as gone:
        memory.resolve("secret/ports-0.md")
    assert str(outside.value) == str(gone.value)


async def test_a_change_in_a_root_outside_is_not_looked_after(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "roots" / "secret" / "ports-0.md").write_text("The exporter listens on port 9300, and no other.\n")
    before = await memory.roots()
    await memory.search(QUESTION, 9, NOTES)
    assert await memory.roots() == before
    await memory.search(QUESTION, 9)
    assert await memory.roots() != before


async def test_a_file_number_that_passed_to_a_root_outside_is_not_found(memory: Memory, tmp_path: Path) -> None:
    """The index may be older than the catalog: a number of a deleted file is given again."""
    catalog = Catalog(tmp_path / "memory")
    with catalog.transaction():
        [secret] = catalog.files_of("secret").values()
        [notes] = catalog.files_of("notes").values()
        connection = catalog._connection
        connection.execute("update files set id = 0 where id = ?", (secret.id,))
        connection.execute("update files set id = ? where id = ?", (secret.id, notes.id))
        connection.execute("update files set id = ? where id = 0", (notes.id,))
    catalog.close()
    assert {each.path for each in (await memory.search(QUESTION, 9)).passages} != set()
    assert (await memory.search(QUESTION, 9, NOTES)).passages == ()
