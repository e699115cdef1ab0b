"""The new way: a real daemon on a throw-away home, an agent kept warm that holds the memory, questions over HTTP."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from warmline import daemon
from warmline.errors import AgentError
from warmline.home import Home
from warmline.operations.bench_line import Speaker
from warmline.operations.bench_warm.figures import Asked, Pass, Prepared, Used, Way
from warmline.operations.bench_warm.memory import FILE_NAME, MadeMemory, Question
from warmline.operations.bench_warm.model import Model
from warmline.operations.bench_warm.watch import Watch, cpu_seconds, descendants
from warmline.operations.simulated_model import ANY_KEY
from warmline.settings import DaemonSettings

AGENT = "claude"

PATIENCE_SECONDS = 50
"""Of one request that waits: less than the connection's own."""

LIMIT_SECONDS = 300
"""For the agent to be up, and for one question, as in the old way."""

PAUSE_SECONDS = 0.05
"""Between two looks whether the agent is up."""


def ask_all(
    program: Path, model: Model, model_name: str, memory: MadeMemory, *, is_instant: bool, on_answer: Callable[[], None]
) -> Pass:
    """Ask all questions, one after another. Raises AgentError when the agent does not come up, or DaemonError."""
    with tempfile.TemporaryDirectory(prefix="warmline-bench-") as name:
        began = time.perf_counter()
        with _line(Path(name), memory, _configuration(Path(name), program, model, model_name)) as (speaker, pid):
            before = _until_up(speaker, model, began, pid)
            lived = descendants(pid)
            watch, used_before = Watch([]), cpu_seconds(lived)
            watch.count(lived)
            with watch.running():
                asked = tuple(_ask(speaker, model, question, on_answer) for question in memory.questions)
            cpu = cpu_seconds(descendants(pid)) - used_before
        left = [key for key in lived if key in watch.living()]
        used = Used(watch.processes, cpu, watch.peak_rss_bytes, len(left))
    return Pass(Way.NEW, is_instant, asked, used, before)


def _configuration(folder: Path, program: Path, model: Model, model_name: str) -> str:
    """Return what `warmline.toml` is to say; JSON's texts and lists are TOML's as well."""
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(ANY_KEY, encoding="ascii")
    said = {
        "program": str(program),
        "model": model_name,
        "base_url": model.address,
        "key_file": str(key),
        "mode": "resident",
        "min_workers": 1,
        "max_workers": 1,
    }
    lines = [f"[agents.{AGENT}]", *(f"{name} = {json.dumps(value)}" for name, value in said.items())]
    return "\n".join(lines) + "\n"


@contextmanager
def _line(folder: Path, memory: MadeMemory, configuration: str) -> Iterator[tuple[Speaker, int]]:
    """Start a daemon whose memory is this one, and yield a way to it and its pid."""
    notes, home = folder / "notes", Home(folder / "home")
    notes.mkdir()
    (notes / FILE_NAME).write_text(memory.text, encoding="utf-8")
    settings = DaemonSettings()
    daemon.start(home, settings)
    try:
        with closing(Speaker(home, home.read_token())) as speaker:
            _memorize(speaker, notes)
            home.configuration.touch(mode=0o600)
            home.configuration.write_text(configuration, encoding="utf-8")
            speaker.call("POST", "/v1/agents/reload")
            owner = daemon.owner_of(home)
            assert owner is not None  # noqa: S101  # it just spoke
            yield speaker, owner.pid
    finally:
        daemon.stop(home, settings)


def _memorize(speaker: Speaker, notes: Path) -> None:
    for step in speaker.steps("POST", "/v1/memory/roots", {"paths": [str(notes)]}):
        if "problem" in step:
            raise AgentError(f"the memory was not taken in: {step['problem']}")


def _until_up(speaker: Speaker, model: Model, began: float, pid: int) -> Prepared:
    """Wait until the agent holds the memory. Raises AgentError with its reason when it does not come up."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        agent = speaker.call("GET", f"/v1/agents/{AGENT}")
        if agent["state"] == "up" and agent["workers"]:
            if agent["left_out"]:
                raise AgentError("the agent has no room for the memory: give less --kilobytes")
            return Prepared(time.perf_counter() - began, model.take_turns(), len(descendants(pid)))
        if agent["state"] == "down" or time.monotonic() > deadline:
            raise AgentError(f"the agent did not come up: it is {agent['state']}, {agent['reason']}")
        time.sleep(PAUSE_SECONDS)


def _ask(speaker: Speaker, model: Model, question: Question, on_answer: Callable[[], None]) -> Asked:
    began = time.perf_counter()
    answer = speaker.call("POST", "/v1/questions", {"question": question.text, "agent": AGENT})
    path = f"/v1/questions/{answer['id']}?wait={PATIENCE_SECONDS}"
    while answer["outcome"] is None and time.perf_counter() - began < LIMIT_SECONDS:
        answer = speaker.call("GET", path)
    seconds = time.perf_counter() - began
    on_answer()
    citations = answer["citations"]
    verified = [each for each in citations if each["status"] == "verified"]
    is_right = question.is_found_at((each["path"], each["first_line"], each["last_line"]) for each in verified)
    return Asked(seconds, model.take_turns(), len(citations), len(verified), is_right)
