"""Each rule of a citation's check, against real files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from warmline.errors import UnknownRootError, UnsafePathError
from warmline.memory.citations import FileVerifier
from warmline.model import Citation, CitationStatus, Claim
from warmline.protocols import Verifier
from warmline.settings import MemorySettings

NOTES = """# Exporter

The exporter listens on port 9276 unless told otherwise.
It “never” sleeps — not even at night.

Restart it with the command below.
    systemctl   restart exporter
yes
The last line names the person on call this week.
"""


class Folder:
    """One root named `notes`, resolved as a memory would, and counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resolved: Counter[str] = Counter()

    async def resolve(self, shown: str, within: frozenset[str] | None) -> Path:
        self.resolved[shown] += 1
        root, _, relative = shown.partition("/")
        if root != "notes" or (within is not None and root not in within):
            raise UnknownRootError(root)
        real = (self.path / relative).resolve()
        if not real.is_relative_to(self.path.resolve()):
            raise UnsafePathError(relative)
        return real

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "notes"
    root.mkdir()
    made = Folder(root)
    made.write("exporter.md", NOTES)
    return made


@pytest.fixture
def verifier(folder: Folder) -> Verifier:
    return FileVerifier(folder.resolve, MemorySettings())


async def check(
    verifier: Verifier, quote: str, first: int, last: int | None = None, path: str = "notes/exporter.md"
) -> Citation:
    async with asyncio.timeout(5):
        [citation] = await verifier.verify([Claim(path, first, first if last is None else last, quote)])
    return citation


def standing(citation: Citation) -> tuple[str, int, int]:
    return citation.status.value, citation.first_line, citation.last_line


async def test_a_quote_in_its_lines_is_verified(verifier: Verifier) -> None:
    citation = await check(verifier, "listens on port 9276", 3)
    assert standing(citation) == ("verified", 3, 3)
    assert citation.quote == "listens on port 9276"


async def test_a_quote_over_several_lines_is_verified(verifier: Verifier) -> None:
    quote = "not even at night.\n\nRestart it"
    assert standing(await check(verifier, quote, 4, 6)) == ("verified", 4, 6)


async def test_a_verified_citation_names_the_tightest_lines(verifier: Verifier) -> None:
    assert standing(await check(verifier, "Restart it with the command", 1, 9)) == ("verified", 6, 6)


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        ('It "never" sleeps - not even at night.', 4),
        ("systemctl restart exporter", 7),
        ("THE EXPORTER LISTENS", 3),
        ("\uff34\uff48\uff45 exporter listens", 3),
        ("The\u00a0exporter\tlistens", 3),
    ],
)
async def test_a_quote_that_was_typed_otherwise_is_verified(verifier: Verifier, quote: str, line: int) -> None:
    assert standing(await check(verifier, quote, line)) == ("verified", line, line)


async def test_a_quote_with_its_line_break_lost_is_verified(verifier: Verifier) -> None:
    assert standing(await check(verifier, 'told otherwise. It "never" sleeps', 3, 4)) == ("verified", 3, 4)


@pytest.mark.parametrize(("first", "last"), [(1, 1), (9, 9), (4, 99), (3, 10), (0, 3), (5, 4), (-7, 3), (700, 800)])
async def test_a_quote_that_stands_elsewhere_is_moved_there(verifier: Verifier, first: int, last: int) -> None:
    assert standing(await check(verifier, "listens on port 9276", first, last)) == ("moved", 3, 3)


async def test_a_quote_that_stands_elsewhere_typed_otherwise_is_moved_there(verifier: Verifier) -> None:
    assert standing(await check(verifier, 'it "NEVER" sleeps - not even', 9)) == ("moved", 4, 4)


async def test_a_moved_quote_is_anchored_at_the_nearest_of_its_places(folder: Folder, verifier: Verifier) -> None:
    lines = ["nothing to see here"] * 50
    lines[4] = lines[29] = lines[44] = "the same sentence again"
    folder.write("repeats.md", "\n".join(lines))
    assert standing(await check(verifier, "the same sentence again", 33, path="notes/repeats.md")) == ("moved", 30, 30)


async def test_an_edited_quote_is_changed_and_never_verified(verifier: Verifier) -> None:
    citation = await check(verifier, "The exporter listens on port 9277 unless told otherwise.", 3)
    assert standing(citation) == ("changed", 3, 3)


async def test_an_edited_quote_that_moved_is_changed_at_its_new_lines(folder: Folder, verifier: Verifier) -> None:
    filler = "".join(f"line {number} speaks of other matters entirely\n" for number in range(4000))
    folder.write("long.md", filler + NOTES)
    quote = "The exporter listens at port 9276 unless told otherwise."
    assert standing(await check(verifier, quote, 12, path="notes/long.md")) == ("changed", 4003, 4003)


async def test_an_edited_quote_with_no_word_as_the_file_types_it_is_changed_where_it_was_claimed(
    folder: Folder, verifier: Verifier
) -> None:
    line = "The exporter listens on all ports".translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    folder.write("wide.md", f"{line}\n")
    quote = "The exporter listens on any ports"
    assert standing(await check(verifier, quote, 1, path="notes/wide.md")) == ("changed", 1, 1)


async def test_a_quote_typed_otherwise_in_very_many_claimed_lines_is_verified(
    folder: Folder, verifier: Verifier
) -> None:
    filler = "".join(f"line {number} speaks of other matters entirely\n" for number in range(9000))
    folder.write("long.md", filler + NOTES)
    quote = "the  EXPORTER  listens on port 9276"
    assert standing(await check(verifier, quote, 1, 9009, "notes/long.md")) == ("verified", 9003, 9003)


@pytest.mark.parametrize("quote", ["The importer speaks through a pipe to nobody at all.", "Colourless green ideas"])
async def test_a_foreign_quote_is_unsupported_and_keeps_its_claimed_lines(verifier: Verifier, quote: str) -> None:
    assert standing(await check(verifier, quote, 3, 4)) == ("unsupported", 3, 4)


@pytest.mark.parametrize("ellipsis", ["...", "…", " [...] ", " […] ", "....", " (...) "])
async def test_pieces_between_ellipses_are_verified_in_their_order(verifier: Verifier, ellipsis: str) -> None:
    pieces = ["The exporter listens", "not even at night.", "Restart it with"]
    assert standing(await check(verifier, ellipsis.join(pieces), 1, 9)) == ("verified", 3, 6)
    assert standing(await check(verifier, ellipsis.join(reversed(pieces)), 1, 9)) == ("unsupported", 1, 9)


async def test_pieces_of_fewer_than_12_characters_are_unsupported(verifier: Verifier) -> None:
    assert standing(await check(verifier, "The exporter listens ... not even at", 3, 4)) == ("unsupported", 3, 4)
    assert standing(await check(verifier, "The exporter listens ... ot even at n", 3, 4)) == ("verified", 3, 4)


async def test_pieces_that_moved_together_are_moved(verifier: Verifier) -> None:
    quote = "exporter listens on port … not even at night"
    assert standing(await check(verifier, quote, 9)) == ("moved", 3, 4)


async def test_pieces_that_moved_together_stand_within_a_page(folder: Folder, verifier: Verifier) -> None:
    quote = "the first piece of it … the second piece of it"
    for between, status in ((1_500, "moved"), (15_000, "unsupported")):
        folder.write("apart.md", "the first piece of it\n" + "\n" * between + "the second piece of it\n" + "\n" * 9_000)
        citation = await check(verifier, quote, between + 9_000, path="notes/apart.md")
        assert citation.status.value == status


async def test_the_shortest_of_several_ways_to_find_the_pieces_is_named(folder: Folder, verifier: Verifier) -> None:
    folder.write("twice.md", "first of the pieces\nof no matter\nfirst of the pieces\nsecond of the pieces\n")
    quote = "first of the pieces ... second of the pieces"
    assert standing(await check(verifier, quote, 1, 4, "notes/twice.md")) == ("verified", 3, 4)


async def test_an_ellipsis_of_the_file_itself_is_quoted_as_it_stands(folder: Folder, verifier: Verifier) -> None:
    folder.write("chat.md", "Ann: well... no\n")
    assert standing(await check(verifier, "well... no", 1, path="notes/chat.md")) == ("verified", 1, 1)
    assert standing(await check(verifier, "well… no", 1, path="notes/chat.md")) == ("verified", 1, 1)


@pytest.mark.parametrize("quote", ["", " \n\t", "he", "...", "…", "\u200b\ufeff", "no,", "-", "e.x"])
async def test_a_quote_that_says_nothing_is_unsupported(verifier: Verifier, quote: str) -> None:
    assert standing(await check(verifier, quote, 1, 9)) == ("unsupported", 1, 9)


async def test_a_whole_short_line_is_verified_where_it_was_claimed_and_not_moved(verifier: Verifier) -> None:
    assert standing(await check(verifier, "yes", 8)) == ("verified", 8, 8)
    assert standing(await check(verifier, "yes", 7)) == ("unsupported", 7, 7)


async def test_a_short_quote_is_verified_where_it_was_claimed_and_not_moved(verifier: Verifier) -> None:
    assert standing(await check(verifier, "port 9276", 3)) == ("verified", 3, 3)
    assert standing(await check(verifier, "port 9276", 4)) == ("unsupported", 4, 4)


@pytest.mark.parametrize("other", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"])
async def test_only_line_feeds_end_a_line(folder: Folder, verifier: Verifier, other: str) -> None:
    folder.write("odd.md", f"one{other}still one\r\ntwo is the second\nthree is the third\n")
    path = "notes/odd.md"
    assert standing(await check(verifier, f"one{other}still one", 1, path=path)) == ("verified", 1, 1)
    assert standing(await check(verifier, "two is the second\nthree is", 2, 3, path)) == ("verified", 2, 3)
    assert standing(await check(verifier, "three is the third", 4, path=path)) == ("moved", 3, 3)


async def test_crlf_files_hold_quotes_with_either_line_end(folder: Folder, verifier: Verifier) -> None:
    folder.write("dos.md", "the first line\r\nthe second line\r\n")
    for quote in ("first line\nthe second", "first line\r\nthe second"):
        assert standing(await check(verifier, quote, 1, 2, "notes/dos.md")) == ("verified", 1, 2)


async def test_digests_are_of_the_files_bytes_and_of_the_lines_without_their_last_end(
    folder: Folder, verifier: Verifier
) -> None:
    content = b"the first line\r\nthe second line\r\nthe third line"
    folder.write("dos.md", content)
    citation = await check(verifier, "first line\nthe second", 1, 2, "notes/dos.md")
    assert citation.file_digest == hashlib.sha256(content).hexdigest()
    assert citation.span_digest == hashlib.sha256(b"the first line\r\nthe second line").hexdigest()


async def test_a_carriage_return_at_the_very_end_belongs_to_its_line(folder: Folder, verifier: Verifier) -> None:
    folder.write("odd.md", b"the only line\r")
    citation = await check(verifier, "the only line", 1, path="notes/odd.md")
    assert citation.span_digest == hashlib.sha256(b"the only line\r").hexdigest()


async def test_an_unsupported_citation_has_the_digests_of_what_there_is(verifier: Verifier) -> None:
    no_lines = await check(verifier, "Colourless green ideas", 700)
    assert no_lines.file_digest == hashlib.sha256(NOTES.encode()).hexdigest()
    assert no_lines.span_digest == ""
    no_file = await check(verifier, "Colourless green ideas", 1, path="notes/absent.md")
    assert (no_file.file_digest, no_file.span_digest) == ("", "")


async def test_bytes_that_are_no_text_do_not_hide_the_lines_beside_them(folder: Folder, verifier: Verifier) -> None:
    folder.write("mixed.md", b"\xff\xfe broken\nthe words that are whole\n\xc3")
    assert standing(await check(verifier, "THE WORDS that are whole", 2, path="notes/mixed.md")) == ("verified", 2, 2)
    assert standing(await check(verifier, "\ufffd\ufffd broken", 1, path="notes/mixed.md")) == ("unsupported", 1, 1)


UNREADABLE = [
    *("notes", "notes/", "notes/..", "notes/../secret.md", "notes/leaving.md", "notes/loop", "notes/pipe"),
    *("notes/folder", "notes/absent.md", "other/exporter.md", "/etc/passwd", "", "notes/\0", "notes/\ud800"),
    "notes/" + "a" * 5000,
]


@pytest.mark.parametrize("path", UNREADABLE)
async def test_what_is_no_readable_file_under_a_root_is_unsupported(
    folder: Folder, verifier: Verifier, path: str
) -> None:
    secret = folder.path.parent / "secret.md"
    secret.write_text("the secret sentence of the house\n", encoding="utf-8")
    (folder.path / "leaving.md").symlink_to(secret)
    (folder.path / "loop").symlink_to(folder.path / "loop2")
    (folder.path / "loop2").symlink_to(folder.path / "loop")
    (folder.path / "folder").mkdir()
    os.mkfifo(folder.path / "pipe")
    citation = await check(verifier, "the secret sentence of the house", 1, path=path)
    assert standing(citation) == ("unsupported", 1, 1)
    assert citation.file_digest == ""


async def test_a_link_put_in_the_place_of_a_resolved_path_is_not_followed(folder: Folder) -> None:
    secret = folder.path.parent / "secret.md"
    secret.write_text("the secret sentence of the house\n", encoding="utf-8")
    (folder.path / "swapped.md").symlink_to(secret)

    async def resolve(_shown: str, _within: frozenset[str] | None) -> Path:
        return folder.path / "swapped.md"

    verifier = FileVerifier(resolve, MemorySettings())
    assert (await check(verifier, "the secret sentence of the house", 1)).status is CitationStatus.UNSUPPORTED


@pytest.mark.parametrize(
    "claim",
    [
        Claim("notes/exporter.md", 10**5000, 10**5001, "listens on port 9276"),
        Claim("notes/exporter.md", -(10**5000), 3, "listens on port 9276"),
        Claim("notes/exporter.md", 3, 3, "listens \ud800 on port 9276"),
        Claim("notes/exporter.md", 3, 3, "listens \0 on port 9276"),
        Claim("notes/\udfff.md", 3, 3, "listens on port 9276"),
    ],
)
async def test_what_no_store_could_hold_is_unsupported_and_made_storable(verifier: Verifier, claim: Claim) -> None:
    async with asyncio.timeout(5):
        [citation] = await verifier.verify([claim])
    assert citation.status is CitationStatus.UNSUPPORTED
    assert b"\0" not in (citation.path + citation.quote).encode()
    assert max(abs(citation.first_line), abs(citation.last_line)) < 2**31


@pytest.mark.parametrize("quote", ["word " * 200_000, "..." * 1_000_000, "twelve chars... " * 60_000, "a" * (1 << 20)])
async def test_a_quote_over_the_limit_is_unsupported_even_where_it_stands(
    folder: Folder, verifier: Verifier, quote: str
) -> None:
    folder.write("huge.md", quote)
    assert (await check(verifier, quote, 1, path="notes/huge.md")).status is CitationStatus.UNSUPPORTED


async def test_a_quote_at_the_limit_is_verified(folder: Folder, verifier: Verifier) -> None:
    quote = "é" * (MemorySettings().max_quote_bytes // 2)
    folder.write("long.md", quote)
    assert (await check(verifier, quote, 1, path="notes/long.md")).status is CitationStatus.VERIFIED


async def test_a_file_over_the_limit_is_not_looked_at(folder: Folder) -> None:
    verifier = FileVerifier(folder.resolve, MemorySettings(max_file_bytes=len(NOTES.encode()) - 1))
    assert (await check(verifier, "listens on port 9276", 3)).status is CitationStatus.UNSUPPORTED
    verifier = FileVerifier(folder.resolve, MemorySettings(max_file_bytes=len(NOTES.encode())))
    assert (await check(verifier, "listens on port 9276", 3)).status is CitationStatus.VERIFIED


async def test_claims_over_the_limit_are_unsupported(folder: Folder) -> None:
    verifier = FileVerifier(folder.resolve, MemorySettings(max_claims=1))
    claim = Claim("notes/exporter.md", 3, 3, "listens on port 9276")
    statuses = [citation.status for citation in await verifier.verify([claim, claim])]
    assert statuses == [CitationStatus.VERIFIED, CitationStatus.UNSUPPORTED]


async def test_citations_come_in_the_order_of_their_claims(folder: Folder, verifier: Verifier) -> None:
    folder.write("second.md", "the words of the second file\n")
    second = Claim("notes/second.md", 1, 1, "words of the second")
    first = Claim("notes/exporter.md", 3, 3, "listens on port 9276")
    foreign = Claim("notes/second.md", 1, 1, "listens on port 9276")
    citations = await verifier.verify([second, foreign, first, second])
    assert [(c.path, c.status.value) for c in citations] == [
        ("notes/second.md", "verified"),
        ("notes/second.md", "unsupported"),
        ("notes/exporter.md", "verified"),
        ("notes/second.md", "verified"),
    ]
    assert await verifier.verify([]) == []


async def test_each_file_is_read_once_a_call_off_the_event_loop(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, bool]] = []
    real_open = os.open

    def counting_open(path: Path, flags: int) -> int:
        opened.append((Path(path).name, threading.current_thread() is threading.main_thread()))
        return real_open(path, flags)

    monkeypatch.setattr("warmline.memory.citations.os.open", counting_open)
    (folder.path / "alias.md").symlink_to(folder.path / "exporter.md")
    claims = [
        Claim(path, line, line, "listens on port 9276")
        for path in ("notes/exporter.md", "notes/alias.md")
        for line in range(5)
    ]
    citations = await FileVerifier(folder.resolve, MemorySettings()).verify(claims)
    assert {citation.status.value for citation in citations} == {"verified", "moved"}
    assert opened == [("exporter.md", False)]


async def test_what_a_file_holds_is_read_again_at_every_call(folder: Folder, verifier: Verifier) -> None:
    assert (await check(verifier, "listens on port 9276", 3)).status is CitationStatus.VERIFIED
    folder.write("exporter.md", NOTES.replace("9276", "1234"))
    assert (await check(verifier, "listens on port 9276", 3)).status is not CitationStatus.VERIFIED
    (folder.path / "exporter.md").unlink()
    assert (await check(verifier, "listens on port 9276", 3)).status is CitationStatus.UNSUPPORTED
