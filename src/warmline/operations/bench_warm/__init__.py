"""`bench warm`: a process a question, as it was done before, beside an agent that is kept warm.

Both are asked the same questions about the same memory, which is made up here, and think with the same simulated model:
once with one that takes its stated time, then with one that answers at once, so that all else is seen alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from warmline.errors import AgentError, InvalidInputError
from warmline.operations.bench_warm import memory, new_way, old_way
from warmline.operations.bench_warm.figures import Pass, WarmFigures, Way
from warmline.operations.bench_warm.model import model_of_a_pass
from warmline.operations.bench_warm.prices import LIST_PRICES

SEED = 20_261_121

INSTANT_TIMES = 5
"""As many questions more where the model takes no time."""

LINE_BYTES = 100
"""More than a line of the memory has, and so than a question needs."""

VERSION_LIMIT_SECONDS = 30

WAYS = {Way.OLD: old_way.ask_all, Way.NEW: new_way.ask_all}

OnStep = Callable[[str, int, int], None]
"""Told what is under way, how many of its questions are answered, and of how many."""


def find_program(given: Path | None) -> Path:
    """Return the program to be measured: the one given, or the `claude` that the shell finds.

    Raises InvalidInputError when there is none, or not on Linux.
    """
    if sys.platform != "linux":
        raise InvalidInputError("`bench warm` counts processes by /proc: it needs Linux")
    found = shutil.which(str(given or "claude"))
    if found is None:
        where = f"{given} is no program" if given else "there is no `claude` in PATH"
        raise InvalidInputError(f"{where}: install it (npm install @anthropic-ai/claude-code), or name it by --program")
    return Path(found).absolute()


def run(program: Path, *, questions: int, memory_bytes: int, on_step: OnStep) -> WarmFigures:
    """Measure with so many questions about a memory of this size.

    Raises InvalidInputError when it holds too little for them, AgentError when the program cannot be used, DaemonError.
    """
    if questions * INSTANT_TIMES * LINE_BYTES > memory_bytes:
        raise InvalidInputError("that many questions need more memory to ask about: give more --kilobytes")
    made = memory.make(SEED, memory_bytes, questions * INSTANT_TIMES)
    passes = []
    for is_instant in (False, True):
        asked = made if is_instant else memory.MadeMemory(made.text, made.questions[:questions])
        passes += [_pass(way, program, asked, is_instant=is_instant, on_step=on_step) for way in Way]
    return WarmFigures(
        program=_version(program),
        model=LIST_PRICES.model,
        seed=SEED,
        memory_bytes=len(made.text.encode()),
        prices=LIST_PRICES,
        passes=tuple(passes),
    )


def _pass(way: Way, program: Path, asked: memory.MadeMemory, *, is_instant: bool, on_step: OnStep) -> Pass:
    what = f"the {way} way, {'a model that answers at once' if is_instant else 'the stated speeds'}"
    done = 0

    def on_answer() -> None:
        nonlocal done
        done += 1
        on_step(what, done, len(asked.questions))

    on_step(what, 0, len(asked.questions))
    with model_of_a_pass(is_instant=is_instant) as model:
        return WAYS[way](program, model, LIST_PRICES.model, asked, is_instant=is_instant, on_answer=on_answer)


def _version(program: Path) -> str:
    try:
        said = subprocess.run(  # noqa: S603  # the program that is to be measured
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_LIMIT_SECONDS,
            check=True,
            env={"HOME": "/nonexistent", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise AgentError(f"{program} does not tell its version: {error}") from error
    return said.stdout.strip()
