"""The inverted index: one document a block, no text stored, in a folder of its own.

Knows documents and numbers; which file a number stands for, and whether it still does, is the
catalog's to say. One process writes, any may read; a searcher is a snapshot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import tantivy

from warmline.errors import StoreDamagedError
from warmline.memory.terms import ANALYZER, analyzer

PLACE_FIELDS = ("file", "first_line", "start", "length", "heading_start", "heading_length")

HEADING_BOOST = 0.5
PATH_BOOST = 0.3


@dataclass(frozen=True, slots=True)
class Hit:
    """A block that the index found: its file's number, its place, and its score within this search."""

    file: int
    first_line: int
    start: int
    length: int
    heading_start: int
    heading_length: int
    score: float


@dataclass(frozen=True, slots=True)
class Among:
    """Where to look: whole roots, by name, and single files, by number."""

    roots: Collection[str]
    files: Collection[int] = ()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("body", "heading"):
        builder.add_text_field(name, tokenizer_name=ANALYZER, index_option="freq")
    builder.add_text_field("path", tokenizer_name=ANALYZER, index_option="freq")
    builder.add_text_field("root", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("file", indexed=True, fast=True)
    for name in PLACE_FIELDS[1:]:
        builder.add_unsigned_field(name, fast=True)
    return builder.build()


def open_index(folder: Path) -> tantivy.Index:
    """Open the index in this folder, or make one. Raises StoreDamagedError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        index = tantivy.Index(_schema(), str(folder))
    except (ValueError, OSError) as error:
        raise _damaged(folder, error) from error
    index.register_tokenizer(ANALYZER, analyzer())
    index.config_reader("manual")
    return index


def snapshot(index: tantivy.Index, folder: Path) -> Snapshot:
    """Return the index as of its last commit. Raises StoreDamagedError."""
    try:
        index.reload()
        return Snapshot(index)
    except (ValueError, OSError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> StoreDamagedError:
    return StoreDamagedError(
        f"the index in {folder} is damaged or of another version: `warmline memory refresh` makes it again ({error})"
    )


def exists(folder: Path) -> bool:
    """Say whether there is an index to open."""
    return (folder / "meta.json").is_file()


@dataclass(frozen=True, slots=True)
class BlockDocument:
    """A block on its way into the index. heading and path are searched beside body; root is the root's name."""

    body: str
    heading: str
    path: str
    root: str
    place: tuple[int, int, int, int, int, int]


def document(block: BlockDocument) -> tantivy.Document:
    """Make the index's document of a block."""
    made = tantivy.Document()
    made.add_text("body", block.body)
    if block.heading:
        made.add_text("heading", block.heading)
    made.add_text("path", block.path)
    made.add_text("root", block.root)
    for name, value in zip(PLACE_FIELDS, block.place, strict=True):
        made.add_unsigned(name, value)
    return made


class Snapshot:
    """The index as it stood at one moment."""

    def __init__(self, index: tantivy.Index) -> None:
        self._schema = index.schema
        self._searcher = index.searcher()

    @property
    def blocks(self) -> int:
        """How many blocks it holds."""
        return int(self._searcher.num_docs)

    def frequency(self, term: str) -> int:
        """In how many blocks the term stands; blocks of replaced files may count for a while."""
        return int(self._searcher.doc_freq("body", term))

    def search(self, terms: Sequence[str], limit: int, among: Among | None = None) -> list[Hit]:
        """Return at most limit blocks that hold any of the terms, best first, equals in no certain order.

        Only blocks among these (None: any) are looked at; how rare a term is counts in all of them.
        """
        if not terms:
            return []
        should = tantivy.Occur.Should
        parts: list[tuple[tantivy.Occur, tantivy.Query]] = []
        for term in terms:
            for field, boost in (("body", 1.0), ("heading", HEADING_BOOST), ("path", PATH_BOOST)):
                query = tantivy.Query.term_query(self._schema, field, term, index_option="freq")
                parts.append((should, query if boost == 1.0 else tantivy.Query.boost_query(query, boost)))
        wanted = tantivy.Query.boolean_query(parts)
        if among is not None:
            must = tantivy.Occur.Must
            wanted = tantivy.Query.boolean_query([(must, self._standing_in(among)), (must, wanted)])
        found = self._searcher.search(wanted, limit, count=False).hits
        addresses = [address for _, address in found]
        columns = [self._searcher.fast_field_values(name, addresses) for name in PLACE_FIELDS]
        scores = [score for score, _ in found]
        return [Hit(*values) for values in zip(*columns, scores, strict=True)]

    def _standing_in(self, among: Among) -> tantivy.Query:
        """Return what holds for the blocks among these, and adds nothing to their scores."""
        named = [tantivy.Query.term_query(self._schema, "root", root, index_option="basic") for root in among.roots]
        if among.files:
            named.append(tantivy.Query.term_set_query(self._schema, "file", list(among.files)))
        any_of = tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in named])
        return tantivy.Query.const_score_query(any_of, 0.0)
