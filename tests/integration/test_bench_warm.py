"""`bench warm` with a stand-in for the program, and its count of processes, with real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from talk import until
from warmline.errors import AgentError
from warmline.operations.bench_warm import old_way
from warmline.operations.bench_warm.memory import MadeMemory, Question, make
from warmline.operations.bench_warm.model import model_of_a_pass
from warmline.operations.bench_warm.watch import Watch, cpu_seconds, descendants
from warmline.warm.processes import Key, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it counts by /proc")

STAND_IN = Path(__file__).parents[1] / "old_way_stand_in.py"
LINES = 250
"""Of the memory: three reads of the stand-in's."""

TALKER = """
import subprocess, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
kept = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(2)]
print(1, flush=True)
input()
"""


def a_memory() -> MadeMemory:
    made = make(1, 100 * LINES, 3)
    text = "\n".join(made.text.split("\n")[:LINES]) + "\n"
    return MadeMemory(text, tuple(each for each in make(1, 100 * LINES, 40).questions if each.line <= LINES)[:3])


@contextmanager
def talker() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that starts two and a thread, and waits."""
    with subprocess.Popen([sys.executable, "-c", TALKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"1\n"
        try:
            yield program
        finally:
            program.communicate(b"\n", timeout=5)


def test_the_old_way_is_asked_in_turns_that_the_model_counted() -> None:
    answered = []
    with model_of_a_pass(is_instant=True) as model:
        done = old_way.ask_all(STAND_IN, model, "m", a_memory(), is_instant=True, on_answer=lambda: answered.append(1))
    assert len(answered) == len(done.asked) == 3
    assert all(each.is_right and each.sources and each.verified == 0 for each in done.asked)
    # An order to the sub-agent, three reads, its answer, and the relay.
    assert [len(each.turns) for each in done.asked] == [6, 6, 6]
    assert all(turn.stated_seconds == 0 for turn in done.turns)
    assert done.used.processes == 3
    assert done.used.cpu_seconds > 0
    assert done.used.left_running == 0


def test_a_question_whose_answer_names_another_line_is_lost() -> None:
    made = a_memory()
    wrong = MadeMemory(made.text, (Question(made.questions[0].text, made.questions[1].line),))
    with model_of_a_pass(is_instant=True) as model:
        done = old_way.ask_all(STAND_IN, model, "m", wrong, is_instant=True, on_answer=lambda: None)
    assert [each.is_right for each in done.asked] == [False]


@pytest.mark.parametrize(("program", "said"), [("/bin/false", "failed with 1"), ("/nowhere/claude", "cannot be run")])
def test_a_program_that_fails_ends_the_bench_with_its_name(program: str, said: str) -> None:
    with model_of_a_pass(is_instant=True) as model, pytest.raises(AgentError, match=f"{program} {said}"):
        old_way.ask_all(Path(program), model, "m", a_memory(), is_instant=True, on_answer=lambda: None)


def test_processes_are_counted_with_those_that_they_start_and_threads_are_not() -> None:
    watch = Watch([os.getpid()])
    with watch.running(), talker() as program:
        assert len(descendants(program.pid)) == 3
    assert watch.processes == 3
    until(lambda: not watch.living())  # the two end a moment after the one that held their pipes


def test_processes_that_lived_before_are_followed_and_not_counted() -> None:
    with talker() as program:
        watch = Watch([])
        watch.count(descendants(program.pid))
        with watch.running():
            assert len(watch.living()) == 3
        assert watch.processes == 0
        assert watch.peak_rss_bytes > 1_000_000


def test_the_processor_time_of_a_process_grows_and_that_of_none_is_nothing() -> None:
    since = started(os.getpid())
    assert since is not None
    ourselves = [Key(os.getpid(), since)]
    before = cpu_seconds(ourselves)
    assert before > 0
    assert cpu_seconds(ourselves) >= before
    assert cpu_seconds([]) == cpu_seconds([Key(2**22 + 1, 0)]) == 0
