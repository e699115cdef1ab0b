"""`bench recall`: what the memory finds, whether it knows when it does not, and how fast it is.

A set is a folder with `files/` and `questions.jsonl`, a line of which is {"qid", "question",
"category", "evidence": [{"file", "start", "end"}]}. Every set is a memory of its own, all of its files
searched together. Whether the memory knows when it does not know is asked twice: of the set's own
questions after the file with their evidence was left out, and of the other sets' questions.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warmline.memory.memory import Memory
from warmline.operations.bench_recall_speed import SpeedFigures, measure_speed
from warmline.operations.recall_score import Score, Span, mean_score, score, separation
from warmline.settings import MemorySettings

LIMIT = 100
FOREIGN_QUESTIONS = 300
"""Of each other set, evenly taken: enough for two digits."""
ANSWER_RANK = 1
"""Of recall_score.RANKS: an answer shows about five lines."""
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FALSE_PREMISE = ("locomo", 5)
"""The set and category whose questions presuppose what is not so."""

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a set with its evidence."""

    question: str
    category: object
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a threshold of confidence does: the shares of questions that it lets through.

    accuracy is the share of the own questions let through whose evidence is among the first lines.
    """

    threshold: float
    coverage: float
    accuracy: float
    removed: float
    foreign: float


@dataclass(frozen=True, slots=True)
class SetFigures:
    """What the memory makes of one set. Shares are from 0 to 1.

    auroc_foreign is None without other sets, auroc_false_premise without such questions.
    """

    name: str
    files: int
    questions: int
    score: Score
    auroc_removed: float
    auroc_foreign: float | None
    auroc_false_premise: float | None
    curve: tuple[CurvePoint, ...]
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class RecallFigures:
    """All figures of a run."""

    sets: tuple[SetFigures, ...]
    speed: SpeedFigures | None

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Outcome:
    asked: Asked
    score: Score
    confidence: float
    ms: float


def run(
    sets: Path | None, names: Sequence[str] = (), *, megabytes: int = 0, folder: Path | None = None, on_step: OnStep
) -> RecallFigures:
    """Measure the named sets below a folder, or all of them, and the speed on megabytes of made-up text (0: not).

    Temporary files go below folder, or where temporary files live, and are gone afterwards.
    """
    with tempfile.TemporaryDirectory(dir=folder) as work:
        found = sorted(path.parent for path in sets.glob("*/questions.jsonl")) if sets else []
        chosen = [path for path in found if not names or path.name in names]
        figures = asyncio.run(_measure_sets(chosen, Path(work), on_step))
        speed = asyncio.run(measure_speed(Path(work), megabytes, on_step)) if megabytes else None
        return RecallFigures(tuple(figures), speed)


async def _measure_sets(folders: Sequence[Path], work: Path, on_step: OnStep) -> list[SetFigures]:
    questions = {folder: _read_questions(folder) for folder in folders}
    figures = []
    for folder in folders:
        on_step(f"{folder.name}: {len(questions[folder])} questions")
        foreign = [asked for other in folders if other != folder for asked in _evenly(questions[other])]
        figures.append(await _measure_set(folder, questions[folder], foreign, work))
    return figures


def _read_questions(folder: Path) -> list[Asked]:
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [_asked(json.loads(line)) for line in lines]


def _asked(entry: Mapping[str, Any]) -> Asked:
    evidence = tuple(Span(item["file"], item["start"], item["end"]) for item in entry["evidence"])
    return Asked(entry["question"], entry.get("category"), evidence)


def _evenly(asked: Sequence[Asked]) -> Sequence[Asked]:
    return asked[:: max(1, len(asked) // FOREIGN_QUESTIONS)]


async def _measure_set(folder: Path, questions: Sequence[Asked], foreign: Sequence[Asked], work: Path) -> SetFigures:
    sizes = {path.name: _line_sizes(path) for path in (folder / "files").iterdir()}
    async with _memory_of(folder / "files", work) as memory:
        own = [await _ask(memory, asked, sizes) for asked in questions]
        strangers = [(await memory.search(asked.question, LIMIT)).confidence for asked in foreign]
    removed = await _ask_without_evidence(folder / "files", questions, work)
    sure = [outcome.confidence for outcome in own]
    times = sorted(outcome.ms for outcome in own)
    premise = [outcome.confidence for outcome in own if (folder.name, outcome.asked.category) == FALSE_PREMISE]
    true = [outcome.confidence for outcome in own if (folder.name, outcome.asked.category) != FALSE_PREMISE]
    return SetFigures(
        folder.name,
        len(sizes),
        len(questions),
        mean_score([outcome.score for outcome in own]),
        separation(sure, removed),
        separation(sure, strangers) if strangers else None,
        separation(true, premise) if premise else None,
        tuple(_point(threshold, own, removed, strangers) for threshold in THRESHOLDS),
        statistics.median(times),
        times[int(len(times) * 0.99)],
    )


def _line_sizes(path: Path) -> list[int]:
    return [len(line) + 1 for line in path.read_bytes().split(b"\n")]


@asynccontextmanager
async def _memory_of(files: Path, work: Path) -> AsyncIterator[Memory]:
    """Open a memory of a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=work) as home:
        memory = Memory(Path(home), MemorySettings())
        try:
            await memory.add([files])
            yield memory
        finally:
            await memory.close()


async def _ask(memory: Memory, asked: Asked, sizes: Mapping[str, Sequence[int]]) -> _Outcome:
    began = time.perf_counter()
    found = await memory.search(asked.question, LIMIT)
    ms = (time.perf_counter() - began) * 1000
    cites = [Span(_relative(each.path), each.first_line, each.last_line) for each in found.passages]
    return _Outcome(asked, score(asked.evidence, cites, sizes), found.confidence, ms)


def _relative(shown: str) -> str:
    return shown.partition("/")[2]


async def _ask_without_evidence(files: Path, questions: Sequence[Asked], work: Path) -> list[float]:
    """Return how confident a memory is that lacks the file of the question's first evidence."""
    sure: list[float] = []
    for missing in sorted({asked.evidence[0].file for asked in questions}):
        with tempfile.TemporaryDirectory(dir=work) as rest:
            shutil.copytree(files, rest, ignore=_leave_out(missing), dirs_exist_ok=True)
            async with _memory_of(Path(rest), work) as memory:
                asking = [asked.question for asked in questions if asked.evidence[0].file == missing]
                sure += [(await memory.search(question, LIMIT)).confidence for question in asking]
    return sure


def _leave_out(missing: str) -> Callable[[str, list[str]], Iterable[str]]:
    return lambda _, names: [name for name in names if name == missing]


def _point(threshold: float, own: Sequence[_Outcome], removed: Sequence[float], foreign: Sequence[float]) -> CurvePoint:
    through = [outcome for outcome in own if outcome.confidence >= threshold]
    right = [outcome for outcome in through if outcome.score.found_by_rank[ANSWER_RANK] > 0]
    return CurvePoint(
        threshold,
        len(through) / len(own),
        len(right) / max(1, len(through)),
        _share_from(threshold, removed),
        _share_from(threshold, foreign),
    )


def _share_from(threshold: float, values: Sequence[float]) -> float:
    return sum(value >= threshold for value in values) / max(1, len(values))
