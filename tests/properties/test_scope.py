"""Whatever a memory has and whichever parts of it a reader may see: it finds all lines of those, and no other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hypothesis import example, given, settings
from hypothesis import strategies as st

from warmline.errors import InvalidInputError, NotFoundError
from warmline.memory.catalog import Catalog
from warmline.memory.paths import real_path, shown_paths
from warmline.memory.recall import Searcher
from warmline.memory.report import IndexRequest
from warmline.memory.writing import INDEX_FOLDER, Indexer
from warmline.scopes import covers, outermost, reaches
from warmline.settings import MemorySettings

NAMES = ["a", "A", "a-2", "a.md", "a b", "ab", "ä", "*", "a OR b", "\\", "root:a", "-a", '"']
"""That begin alike, differ by case, or would mean something to a query."""

FILES = [
    "notes.md",
    "ab/notes.md",
    "a0.md",
    "a/notes.md",
    "a/b/notes.md",
    "a-2/notes.md",
    "A/notes.md",
    "a.md",
    "*/%.md",
    "ä/_.md",
]

names = st.sampled_from(NAMES)
paths = st.builds("{}/{}".format, names, st.sampled_from([*FILES, "a", "a/b", "*", "ä", "b", "notes", "a/notes.md/x"]))
spelt = names | paths | st.text(max_size=3) | st.builds("{}/{}".format, names, st.text(max_size=3))
scopes = st.frozensets(spelt, max_size=6)
words = st.sampled_from(["exporter", "port", "relay", "bread", "a", "ab", "root"])
texts = st.lists(st.lists(words, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=5).map("\n".join)
roots_of_files = st.dictionaries(
    names, st.dictionaries(st.sampled_from(FILES), texts, max_size=4), min_size=1, max_size=4
)
questions = st.lists(words, min_size=1, max_size=3).map(" ".join)


@dataclass(frozen=True)
class Held:
    """An indexed memory."""

    searcher: Searcher
    catalog: Catalog
    roots: dict[str, Path]


@contextmanager
def holding(home: Path, roots: dict[str, dict[str, str]]) -> Iterator[Held]:
    """Index these texts by root and path, in this process: it is many times faster."""
    places = {name: home / f"{number}" for number, name in enumerate(roots)}
    for name, files in roots.items():
        places[name].mkdir()
        for relative, text in files.items():
            (places[name] / relative).parent.mkdir(parents=True, exist_ok=True)
            (places[name] / relative).write_text(text)
    indexer = Indexer(home / "memory", MemorySettings(), lambda _: None)
    indexer.run(IndexRequest(add={name: str(path) for name, path in places.items()}))
    indexer.close()
    catalog = Catalog(home / "memory")
    yield Held(Searcher(catalog, home / "memory" / INDEX_FOLDER, MemorySettings()), catalog, places)
    catalog.close()


def is_within(shown: str, scope: frozenset[str]) -> bool:
    """Say the same as `reaches` in another way: by the folders of the path, as the library of the language has them."""
    path = PurePosixPath(shown)
    return any(str(each) in scope for each in (path, *path.parents) if str(each) != ".")


@settings(max_examples=40, deadline=None)
@given(roots_of_files, st.lists(st.tuples(scopes, questions), min_size=1, max_size=8))
def test_a_scope_finds_the_lines_that_it_reaches_and_no_other(
    roots: dict[str, dict[str, str]], asked: list[tuple[frozenset[str], str]]
) -> None:
    with tempfile.TemporaryDirectory() as home, holding(Path(home), roots) as held:
        for within, question in asked:
            found = held.searcher.search(question, 1000, within).lines
            everything = held.searcher.search(question, 1000).lines
            assert {(line.region.file.shown, line.number) for line in found} == {
                (line.region.file.shown, line.number)
                for line in everything
                if is_within(line.region.file.shown, within)
            }


@settings(max_examples=40, deadline=None)
@example({"a": dict.fromkeys(FILES, "port")}, frozenset({"a/a", "a/*", "A"}))
@given(roots_of_files, scopes)
def test_counts_of_parts_are_those_of_the_files_that_they_reach(
    roots: dict[str, dict[str, str]], within: frozenset[str]
) -> None:
    with tempfile.TemporaryDirectory() as home, holding(Path(home), roots) as held:
        everything = held.catalog.all_live(None)
        for path in within - roots.keys():
            part, reached = (
                held.catalog.part(path),
                [each for each in everything if is_within(each.shown, frozenset({path}))],
            )
            assert (part.files if part else 0) == len(reached) == len(held.catalog.numbers(path))
        assert [each.shown for each in held.catalog.all_live(within)] == [
            each.shown for each in everything if is_within(each.shown, within)
        ]


written = st.lists(
    st.sampled_from(["a", "ab", "a.md", "notes.md", "..", ".", "", "in", "out", "b", "\0", "\ud800"]), max_size=5
).map("/".join)


@settings(max_examples=200, deadline=None)
@example("a/in/notes.md", frozenset({"a/b"}))
@example("a/out/notes.md", frozenset({"a"}))
@given(written, scopes)
def test_a_path_is_refused_or_leads_to_where_its_reader_may_see(path: str, within: frozenset[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        roots = {name: Path(home).resolve() / name for name in ("a", "ab")}
        for root in roots.values():
            (root / "b").mkdir(parents=True)
            (root / "in").symlink_to(root / "b")
            (root / "out").symlink_to(roots["ab" if root.name == "a" else "a"])
        try:
            real = real_path(roots, path, within)
        except (InvalidInputError, NotFoundError):
            return
        shown = shown_paths(roots, real, path)[0]
        assert real.is_relative_to(roots[path.partition("/")[0]])
        assert is_within(shown, within)
        assert roots[shown.partition("/")[0]].joinpath(*shown.split("/")[1:]) == real


@given(scopes, scopes, spelt)
def test_a_scope_covers_what_reaches_no_further(one: frozenset[str], other: frozenset[str], path: str) -> None:
    assert covers(one, other) is all(reaches(one, each) for each in other)
    if covers(one, other) and reaches(other, path):
        assert reaches(one, path)
    assert reaches(outermost(one), path) is reaches(one, path)
    assert covers(None, one)
    assert not covers(one, None)
