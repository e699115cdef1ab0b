"""Files of a memory as people name them, and a reader who may see a part of a root only."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from warmline.errors import NotFoundError, UnknownFileError, UnknownRootError, UnsafePathError
from warmline.memory.citations import FileVerifier
from warmline.memory.memory import Memory, MemoryStats
from warmline.model import CitationStatus, Claim, Recollection
from warmline.settings import MemorySettings

QUESTION = "Which port does the exporter listen on?"
FILE = frozenset({"notes/ports.md"})
PORTS = "# Ports\n\nThe exporter of the office listens on port 9100.\nBread is baked on Mondays.\n"
BETTER = "# Ports\n\nThe exporter listens on port 9200.\nThe exporter's port: 9200, listen there.\n"

MISSPELT = ["notes/ports.md/", "notes//ports.md", "./notes/ports.md", "notes/ports", "notes/\ud800", "notes/", "/notes"]
MISSPELT += [
    "notes/../secret/ports.md",
    "notes/%",
    "notes/port_.md",
    "notes/ports.md\0",
    "notes/PORTS.md",
    "single.md/",
]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """`ports.md`, beside others that answer better and whose names begin alike."""
    folder = tmp_path / "notes"
    (folder / "api" / "v2").mkdir(parents=True)
    (folder / "api-old").mkdir()
    (folder / "ports.md").write_text(PORTS)
    for name in ("ports.md.txt", "ports-2.md", "api/first.md", "api/v2/second.md", "api-old/third.md", "api.md"):
        (folder / name).write_text(BETTER)
    (folder / "picture.txt").write_bytes(b"\0\1\2")
    (folder / ".hidden.md").write_text(BETTER)
    return folder


@pytest.fixture
async def memory(tmp_path: Path, notes: Path) -> AsyncIterator[Memory]:
    """Hold `notes`, `secret` and the file `single.md`."""
    secret, single = tmp_path / "secret", tmp_path / "single.md"
    secret.mkdir()
    (secret / "ports.md").write_text(BETTER)
    single.write_text(PORTS)
    opened = Memory(tmp_path / "memory", MemorySettings())
    await opened.add([notes, secret, single])
    yield opened
    await opened.close()


def paths_of(found: Recollection) -> set[str]:
    return {passage.path for passage in found.passages}


async def test_a_question_about_a_file_finds_the_lines_of_that_file_alone(memory: Memory) -> None:
    assert len(paths_of(await memory.search(QUESTION, 99))) == 9
    assert paths_of(await memory.search(QUESTION, 99, FILE)) == {"notes/ports.md"}
    assert paths_of(await memory.passages(QUESTION, 99, FILE)) == {"notes/ports.md"}
    assert paths_of(await memory.search(QUESTION, 99, frozenset({"single.md"}))) == {"single.md"}


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (["notes/api"], {"notes/api/first.md", "notes/api/v2/second.md"}),
        (["notes/api/v2", "notes/api"], {"notes/api/first.md", "notes/api/v2/second.md"}),
        (["notes/api/v2", "secret"], {"notes/api/v2/second.md", "secret/ports.md"}),
        (["notes/nothing", "notes/ports.md/more"], set()),
    ],
)
async def test_a_folder_stands_for_what_lies_beneath_it(memory: Memory, scope: list[str], found: set[str]) -> None:
    assert paths_of(await memory.search(QUESTION, 99, frozenset(scope))) == found


async def test_a_file_beside_hundreds_of_better_blocks_is_searched_in_full(memory: Memory, notes: Path) -> None:
    for number in range(2 * MemorySettings().blocks_read + 20):
        (notes / f"exporter-port-{number}.md").write_text(BETTER)
    await memory.refresh()
    assert "notes/ports.md" not in paths_of(await memory.search(QUESTION, 1000))
    assert paths_of(await memory.search(QUESTION, 1000, FILE)) == {"notes/ports.md"}


async def test_a_file_that_changed_is_read_as_it_is_now(memory: Memory, notes: Path) -> None:
    (notes / "ports.md").write_text("The exporter listens on port 9300.\n")
    [passage] = (await memory.search(QUESTION, 1, FILE)).passages
    assert (passage.path, passage.text) == ("notes/ports.md", "The exporter listens on port 9300.")


async def test_what_is_gone_since_is_not_found_and_nothing_breaks(memory: Memory, notes: Path) -> None:
    (notes / "ports.md").unlink()
    assert await memory.search(QUESTION, 9, FILE) == Recollection((), 0.0)
    await memory.remove("notes")
    assert await memory.search(QUESTION, 9, FILE) == Recollection((), 0.0)
    assert await memory.roots(FILE) == []


async def test_what_is_not_spelled_as_a_path_is_shown_reaches_nothing(memory: Memory) -> None:
    verifier = FileVerifier(memory.indexed, MemorySettings())
    claim = Claim("notes/ports.md", 3, 3, "listens on port 9100")
    for name in MISSPELT:
        assert await memory.search(QUESTION, 9, frozenset({name})) == Recollection((), 0.0)
        assert await memory.roots(frozenset({name})) == []
        [citation] = await verifier.verify([claim], frozenset({name}))
        assert citation.status is CitationStatus.UNSUPPORTED
        assert paths_of(await memory.search(QUESTION, 9, FILE | {name})) == FILE


async def test_a_claim_outside_of_the_file_is_cited_as_one_on_no_file(memory: Memory) -> None:
    verifier = FileVerifier(memory.indexed, MemorySettings())
    inside = Claim("notes/ports.md", 3, 3, "The exporter of the office listens on port 9100.")
    quote = "The exporter listens on port 9200."
    outside = [Claim(path, 3, 3, quote) for path in ("notes/ports-2.md", "secret/ports.md", "notes/nowhere.md")]
    first, *rest = await verifier.verify([inside, *outside], FILE)
    assert first.status is CitationStatus.VERIFIED
    assert {(each.status, each.file_digest, each.first_line) for each in rest} == {(CitationStatus.UNSUPPORTED, "", 3)}


async def test_a_claim_by_a_link_that_leaves_the_scope_is_unsupported(memory: Memory, notes: Path) -> None:
    (notes / "api" / "out.md").symlink_to(notes / "ports.md")
    (notes / "in.md").symlink_to(notes / "api" / "first.md")
    verifier = FileVerifier(memory.indexed, MemorySettings())
    claims = [Claim("notes/api/out.md", 3, 3, "on port 9100."), Claim("notes/in.md", 3, 3, "on port 9200.")]
    claims += [Claim("notes/api/../ports.md", 3, 3, "on port 9100.")]
    citations = await verifier.verify(claims, frozenset({"notes/api"}))
    assert {each.status for each in citations} == {CitationStatus.UNSUPPORTED}
    assert {each.status for each in await verifier.verify(claims[:2])} == {CitationStatus.VERIFIED}


@pytest.mark.parametrize("name", [".env", "kept-out.txt", "api/.hidden/keys.md"])
async def test_a_claim_on_what_indexing_left_out_is_cited_as_one_on_no_file(
    memory: Memory, notes: Path, name: str
) -> None:
    (notes / ".gitignore").write_text("kept-out.txt\n")
    (notes / name).parent.mkdir(exist_ok=True)
    (notes / name).write_text("the word of the gate is hunter-zebra-4471\n")
    await memory.refresh()
    verifier = FileVerifier(memory.indexed, MemorySettings())
    right, wrong = "the word of the gate is hunter-zebra-4", "the word of the gate is hunter-zebra-5"
    for within in (None, frozenset({"notes"}), frozenset({f"notes/{name}"})):
        citations = await verifier.verify([Claim(f"notes/{name}", 1, 1, quote) for quote in (right, wrong)], within)
        assert {(each.status, each.file_digest) for each in citations} == {(CitationStatus.UNSUPPORTED, "")}


async def test_a_path_of_the_scope_is_as_a_root_of_that_name(memory: Memory, notes: Path) -> None:
    scope = frozenset({"notes/api", "notes/api/v2", "notes/ports.md", "single.md", "notes/nothing"})
    roots = await memory.roots(scope)
    assert [(root.name, root.path, root.files) for root in roots] == [
        ("notes/api", notes / "api", 2),
        ("notes/ports.md", notes / "ports.md", 1),
        ("single.md", notes.parent / "single.md", 1),
    ]
    assert await memory.stats(FILE) == MemoryStats(1, 1, 4, len(PORTS))


@pytest.mark.parametrize("scope", [None, FILE, frozenset({"notes"})], ids=["all", "file", "root"])
async def test_a_file_is_named_by_where_it_lies_or_as_it_is_shown(
    memory: Memory, notes: Path, tmp_path: Path, scope: frozenset[str] | None
) -> None:
    (tmp_path / "shortcut").symlink_to(notes)
    for written in (
        "notes/ports.md",
        "notes/./ports.md",
        str(notes / "ports.md"),
        f"{notes}/api/../ports.md",
        f"{tmp_path}/shortcut/ports.md",
    ):
        assert await memory.shown(written, scope) == "notes/ports.md"


async def test_a_root_that_is_a_file_is_named_like_any_other(memory: Memory, tmp_path: Path) -> None:
    assert await memory.shown("single.md") == "single.md"
    assert await memory.shown(str(tmp_path / "single.md")) == "single.md"


async def test_a_file_in_two_roots_is_shown_by_the_root_that_was_said_and_is_in_scope(
    memory: Memory, notes: Path
) -> None:
    await memory.add([notes / "api"])
    outer, inner = "notes/api/first.md", "api/first.md"
    assert [await memory.shown(each) for each in (outer, inner)] == [outer, inner]
    assert await memory.shown(str(notes / "api" / "first.md")) == inner
    assert await memory.shown(str(notes / "api" / "first.md"), frozenset({"notes"})) == outer


OUTSIDE = ["/etc/passwd", "/etc/nowhere", "/", "{home}/secret/ports.md", "{home}/secret/nowhere.md", "{home}/memory"]
OUTSIDE += ["{home}/notes/../secret/ports.md", "{home}/notes-2/ports.md", "{home}", "/proc/self/mem", "/root/x"]
NOT_HELD = ["{home}/notes", "{home}/notes/api", "{home}/notes/picture.txt", "{home}/notes/.hidden.md"]
NOT_HELD += ["{home}/notes/nowhere.md", "notes/api", "notes", "notes/picture.txt", "notes/nowhere.md"]


async def test_what_the_reader_does_not_have_is_refused_alike(memory: Memory, tmp_path: Path) -> None:
    for written in (*OUTSIDE, *NOT_HELD):
        path = written.format(home=tmp_path)
        with pytest.raises(UnknownFileError) as refused:
            await memory.shown(path, frozenset({"notes"}))
        assert str(refused.value).startswith(f"the memory holds no file {path!a}; name one")


async def test_a_root_out_of_scope_is_refused_as_one_that_is_not_there(memory: Memory) -> None:
    for written in ("secret/ports.md", "secret/nowhere.md", "nothing/ports.md", "~/x", "./ports.md"):
        with pytest.raises(UnknownRootError) as refused:
            await memory.shown(written, frozenset({"notes"}))
        assert str(refused.value).startswith(f"the memory has no root {written.partition('/')[0]!a};")


async def test_what_is_no_path_of_a_memory_is_refused(memory: Memory) -> None:
    for written in ("", "notes/\0", "/\0", "notes/../secret/ports.md", "notes//etc/passwd", "notes/a\ud800"):
        with pytest.raises(UnsafePathError):
            await memory.shown(written)


async def test_an_overlong_path_is_refused_in_a_few_words(memory: Memory) -> None:
    limit = MemorySettings().max_path_bytes
    for written in ("n" * (limit + 1), "/" + "ä" * (limit // 2), "/x" * (limit // 2 - 1), "notes/" + "x" * 5000):
        with pytest.raises((UnsafePathError, NotFoundError)) as refused:
            await memory.shown(written)
        assert len(str(refused.value)) < 500


async def test_links_that_leave_or_lead_nowhere_are_refused(memory: Memory, notes: Path, tmp_path: Path) -> None:
    (notes / "out.md").symlink_to(tmp_path / "secret" / "ports.md")
    (notes / "loop.md").symlink_to(notes / "loop.md")
    (notes / "away").symlink_to(tmp_path / "secret")
    notes_only = frozenset({"notes"})
    for name in ("out.md", "loop.md", "away/ports.md"):
        for written in (f"notes/{name}", f"{notes}/{name}"):
            with pytest.raises((UnsafePathError, UnknownFileError)):
                await memory.shown(written, notes_only)


async def test_a_file_whose_place_was_taken_since_is_refused(memory: Memory, notes: Path) -> None:
    (notes / "ports.md").unlink()
    os.mkfifo(notes / "ports.md")
    for written in ("notes/ports.md", str(notes / "ports.md")):
        with pytest.raises(UnknownFileError):
            await memory.shown(written)
    await memory.remove("notes")
    with pytest.raises(UnknownRootError):
        await memory.shown("notes/ports.md")
