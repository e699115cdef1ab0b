"""The old way: a process a question, told to have a sub-agent read the whole memory; sources by a regular expression.

The words of the order are our own; what it orders is what was ordered. What came before it, the loop that looked for
questions every five seconds, is left out: it added 2.5 s on average.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from warmline.answerers.claude.environment import QUIET
from warmline.errors import AgentError
from warmline.operations.bench_warm.figures import Asked, Pass, Prepared, Used, Way
from warmline.operations.bench_warm.memory import FILE_NAME, MadeMemory, Place, Question
from warmline.operations.bench_warm.model import Model
from warmline.operations.bench_warm.watch import Watch, cpu_seconds_of_ended_children
from warmline.operations.simulated_model import ANY_KEY
from warmline.warm.processes import send

LIMIT_SECONDS = 300
"""For one question: ten times what one takes with the speeds that are the default."""

ORDER = (
    "Start a sub-agent and let it read the whole of the file {path} with its tools, from the first line to the last, "
    "and answer the question below from nothing else. It names the sources of what it says as FILE:LINE-LINE. Do not "
    "read the file yourself: wait for the sub-agent, then give its answer with its sources as your own.\n\n{question}"
)

SOURCE = re.compile(r"(?P<path>/?[\w.-]+(?:/[\w.-]+)*):(?P<first>[1-9]\d*)-(?P<last>[1-9]\d*)")


def ask_all(
    program: Path, model: Model, model_name: str, memory: MadeMemory, *, is_instant: bool, on_answer: Callable[[], None]
) -> Pass:
    """Ask all questions, one after another. Raises AgentError when the program cannot be run, or fails."""
    with tempfile.TemporaryDirectory(prefix="warmline-bench-") as name:
        file = Path(name) / "work" / FILE_NAME
        file.parent.mkdir()
        file.write_text(memory.text, encoding="utf-8")
        environment = environment_of(Path(name), model.address)
        watch = Watch([os.getpid()])
        before = cpu_seconds_of_ended_children()
        asked = []
        with watch.running():
            for question in memory.questions:
                command = [str(program), *_flags(model_name), "--", ORDER.format(path=file, question=question.text)]
                asked.append(_ask(command, environment, file, question, model))
                on_answer()
        left = watch.living()
        for key in left:
            send(key, signal.SIGKILL)
        used = Used(watch.processes, cpu_seconds_of_ended_children() - before, watch.peak_rss_bytes, len(left))
    return Pass(Way.OLD, is_instant, tuple(asked), used, Prepared(0.0, (), 0))


def environment_of(home: Path, address: str) -> dict[str, str]:
    """Return all that the program is told: a home of its own, where its model is, and to say nothing elsewhere."""
    return {
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": ANY_KEY,
        **QUIET,
        "CLAUDE_CODE_MAX_RETRIES": "1",
        # It changes with every prompt and stands at its front, where this cache, unlike the API's, would stumble on it.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    }


def sources_in(answer: str) -> list[Place]:
    """Return the places that an answer names."""
    return [(found["path"], int(found["first"]), int(found["last"])) for found in SOURCE.finditer(answer)]


def _flags(model_name: str) -> list[str]:
    return ["-p", "--model", model_name, "--allowedTools", "Agent,Task,Read"]


def _ask(command: Sequence[str], environment: Mapping[str, str], file: Path, question: Question, model: Model) -> Asked:
    began = time.perf_counter()
    try:
        done = subprocess.run(  # noqa: S603  # the program that is to be measured
            command,
            env=environment,
            cwd=file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"{command[0]} cannot be run: {error}") from error
    seconds = time.perf_counter() - began
    if done.returncode:
        *_, said = (done.stderr or done.stdout or "it said nothing").strip().splitlines()
        raise AgentError(f"{command[0]} failed with {done.returncode}: {said[:300]}")
    sources = sources_in(done.stdout)
    return Asked(seconds, model.take_turns(), len(sources), 0, question.is_found_at(sources))
