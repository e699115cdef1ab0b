"""Whatever roots a memory has and whichever of them a reader may see: it finds all lines of those, and no other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from warmline.memory.catalog import Catalog
from warmline.memory.recall import Searcher
from warmline.memory.report import IndexRequest
from warmline.memory.writing import INDEX_FOLDER, Indexer
from warmline.settings import MemorySettings

NAMES = ["a", "A", "a-2", "a.md", "a b", "ab", "ä", "*", "a OR b", "\\", "root:a", "-a", '"']
"""That begin alike, differ by case, or would mean something to a query."""

names = st.sampled_from(NAMES)
words = st.sampled_from(["exporter", "port", "relay", "bread", "a", "ab", "root"])
texts = st.lists(st.lists(words, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=12).map("\n".join)
questions = st.lists(words, min_size=1, max_size=3).map(" ".join)


@contextmanager
def searching(home: Path, roots: dict[str, str]) -> Iterator[Searcher]:
    """Index each text as the one file of a root of that name, in this process: it is many times faster."""
    paths: dict[str, str] = {}
    for number, (name, text) in enumerate(roots.items()):
        folder = home / f"{number}"
        folder.mkdir()
        (folder / "notes.md").write_text(text)
        paths[name] = str(folder)
    indexer = Indexer(home / "memory", MemorySettings(), lambda _: None)
    indexer.run(IndexRequest(add=paths))
    indexer.close()
    catalog = Catalog(home / "memory")
    yield Searcher(catalog, home / "memory" / INDEX_FOLDER, MemorySettings())
    catalog.close()


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(names, texts, min_size=1, max_size=5),
    st.lists(st.tuples(st.frozensets(names | st.text(max_size=3)), questions), min_size=1, max_size=8),
)
def test_a_scope_finds_the_lines_of_its_roots_and_no_other(
    roots: dict[str, str], asked: list[tuple[frozenset[str], str]]
) -> None:
    with tempfile.TemporaryDirectory() as home, searching(Path(home), roots) as searcher:
        for within, question in asked:
            found = searcher.search(question, 1000, within).lines
            everything = searcher.search(question, 1000).lines
            assert {line.region.file.shown.partition("/")[0] for line in found} <= within
            assert {(line.region.file.shown, line.number) for line in found} == {
                (line.region.file.shown, line.number) for line in everything if line.region.file.root in within
            }
