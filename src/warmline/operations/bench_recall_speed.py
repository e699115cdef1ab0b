"""The speed half of `bench recall`: building, the index's size, searching, on made-up text of every kind."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from warmline.errors import StoreError
from warmline.memory import index
from warmline.memory.documents import FileText
from warmline.memory.memory import Memory
from warmline.memory.writing import INDEX_FOLDER
from warmline.operations.bench_recall_text import write_text
from warmline.settings import MemorySettings

SEARCHING = (sys.executable, "-P", "-m", "warmline.operations.bench_recall_search")
QUESTIONS = 400
SEARCH_LIMIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class SpeedFigures:
    """Of made-up text. index_share is the index's bytes in relation to the text's; bare is tantivy by itself.

    scoped_p50_ms is that of a search within roots by name, here all of them: no filter costs more.
    Building by tantivy alone means adding the same blocks, already cut, to the same kind of index.
    """

    text_bytes: int
    files: int
    build_bytes_per_second: float
    bare_bytes_per_second: float
    index_share: float
    questions: int
    p50_ms: float
    p99_ms: float
    least_ms: float
    scoped_p50_ms: float
    searching_rss_bytes: int
    one_changed_file_ms: float


async def measure_speed(work: Path, megabytes: int, on_step: Callable[[str], None]) -> SpeedFigures:
    """Make the text, index it, index its blocks bare, and search it from a process of its own."""
    text, home = work / "text", work / "home"
    text.mkdir()
    on_step(f"making {megabytes} MB of text")
    questions = write_text(text, megabytes * 1_000_000, QUESTIONS)
    memory = Memory(home, MemorySettings())
    try:
        on_step("indexing it")
        began = time.perf_counter()
        report = await memory.add([text])
        build_seconds = time.perf_counter() - began
        on_step("indexing its blocks by tantivy alone")
        bare_seconds = await asyncio.to_thread(_index_bare, text, work / "bare")
        on_step(f"searching {QUESTIONS} times")
        searched = await _search(home, questions)
        index_bytes = sum(path.stat().st_size for path in (home / INDEX_FOLDER).iterdir())
        changed_ms = await _change_one(memory, min(text.rglob("*.md")))
    finally:
        await memory.close()
    times = sorted(searched["ms"])
    return SpeedFigures(
        report.size_bytes,
        report.indexed,
        report.size_bytes / build_seconds,
        report.size_bytes / bare_seconds,
        index_bytes / report.size_bytes,
        len(times),
        statistics.median(times),
        times[int(len(times) * 0.99)],
        times[0],
        statistics.median(searched["scoped_ms"]),
        searched["rss_bytes"],
        changed_ms,
    )


def _index_bare(text: Path, folder: Path) -> float:
    """Return the seconds that tantivy takes for the same documents, whose making does not count."""
    settings = MemorySettings()
    files = sorted(path for path in text.rglob("*") if path.is_file())
    documents: list[tantivy.Document] = []
    for path in files:
        documents += FileText(path.read_bytes(), f"text/{path.relative_to(text)}", 1).documents()
    writer = index.open_index(folder).writer(settings.writer_heap_bytes, settings.writer_threads)
    began = time.perf_counter()
    for document in documents:
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    return time.perf_counter() - began


async def _search(home: Path, questions: list[str]) -> dict[str, Any]:
    """Search in a process that has done nothing else, so that its memory is that of searching."""
    process = await asyncio.create_subprocess_exec(*SEARCHING, str(home), stdin=PIPE, stdout=PIPE)
    try:
        async with asyncio.timeout(SEARCH_LIMIT_SECONDS):
            output, _ = await process.communicate(json.dumps(questions).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found: dict[str, Any] = json.loads(output)
    return found


async def _change_one(memory: Memory, path: Path) -> float:
    """Return the milliseconds from a changed file to its lines being found."""
    with path.open("a", encoding="utf-8") as file:
        file.write("The xylophone hangs in the observatory.\n")
    began = time.perf_counter()
    await memory.refresh()
    found = await memory.search("Where does the xylophone hang?", 1)
    if "xylophone" not in found.passages[0].text:
        raise StoreError("the line that was just written was not found")
    return (time.perf_counter() - began) * 1000
