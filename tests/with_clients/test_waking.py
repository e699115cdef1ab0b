"""Real programs that are idle at a terminal: a message begins a turn, in which they fetch it; and when none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent_line import until
from idle_line import IdleLine
from real_clients.idle import BEGIN_SECONDS, IdleClient, IdleCodex, IdleOpenCode, server_of
from terminal import Terminal
from waking_model import WakingModel

BODY = "the harvest is at nine"
HOUR = timedelta(hours=1)

CODEX = IdleCodex("codex on its shared server", is_shared=True)
CODEX_ALONE = IdleCodex("codex in one process", is_shared=False)
OPENCODE = IdleOpenCode("opencode at a terminal", is_served=False)
OPENCODE_SERVED = IdleOpenCode("opencode served", is_served=True)

pytestmark = pytest.mark.timeout(240)

each_way = pytest.mark.parametrize("idle", [CODEX, CODEX_ALONE, OPENCODE], indirect=True, ids=attrgetter("name"))
each_program = pytest.mark.parametrize("idle", [CODEX, OPENCODE_SERVED], indirect=True, ids=attrgetter("agent"))


@pytest.fixture
def idle(request: pytest.FixtureRequest) -> IdleClient:
    """A program that was fetched, looked for before a line is started."""
    client: IdleClient = request.param
    client.program()
    return client


@pytest.fixture
def line() -> Iterator[IdleLine]:
    # codex binds its socket in the person's HOME by the whole path, which may not be as long as pytest's are
    with TemporaryDirectory() as folder:
        line = IdleLine(Path(folder))
        try:
            yield line
        finally:
            line.close()


@pytest.fixture
def model() -> Iterator[WakingModel]:
    with WakingModel() as model:
        yield model


def connect(idle: IdleClient, line: IdleLine, model: WakingModel, *habits: str) -> None:
    """Have one who has used the program before run `connect --wake`."""
    idle.configure(line.person.person, line.person.project, model.address)
    done = line.person.connect(idle.agent, "--wake", *habits, "--yes")
    assert done.returncode == 0, done


def at_work(idle: IdleClient, line: IdleLine) -> AbstractContextManager[Terminal]:
    """Run the program; with the block all of it ends."""
    return idle.at_work(line.person.person, line.person.project)


def wait_until_read(line: IdleLine, messages: list[str]) -> None:
    until(lambda: all(line.receipt(each) == "read" for each in messages), what="all read")


@each_way
def test_a_burst_begins_one_turn_of_an_idle_agent_which_fetches_what_no_wake_tells(
    idle: IdleClient, line: IdleLine, model: WakingModel
) -> None:
    connect(idle, line, model)
    with at_work(idle, line):
        line.wait_for_bell()
        assert model.wakes == []
        wait_until_read(line, line.send(idle.agent, BODY, times=3))
        line.wait_for_bell()
    assert (model.wakes, line.wakes(idle.agent)) == (["3 messages wait for you on the warmline line"], 1)
    assert BODY not in model.sent_before_fetching
    assert [each.count(BODY) for each in model.results] == [3, 0]
    until(lambda: not line.is_waited(), what="the end of the bell, with its agent")


@each_program
def test_in_quiet_hours_no_turn_begins(idle: IdleClient, line: IdleLine, model: WakingModel) -> None:
    now = datetime.now(UTC)
    connect(idle, line, model, "--quiet", f"{now - HOUR:%H:%M}-{now + HOUR:%H:%M}")
    with at_work(idle, line):
        line.wait_for_bell()
        (sent,) = line.send(idle.agent, BODY)
        until(lambda: not line.is_waited(), what="the bell, which rings")
        line.wait_until_another_is_woken()
        assert (model.wakes, line.wakes(idle.agent), line.receipt(sent)) == ([], 0, "accepted")


@each_program
def test_no_turn_begins_beyond_the_budget(idle: IdleClient, line: IdleLine, model: WakingModel) -> None:
    connect(idle, line, model, "--per-hour", "1")
    with at_work(idle, line):
        line.wait_for_bell()
        wait_until_read(line, line.send(idle.agent, BODY))
        line.wait_until_another_is_woken()
        line.wait_for_bell()
        (sent,) = line.send(idle.agent, BODY)
        until(lambda: not line.is_waited(), what="the bell, which rings")
        line.wait_until_another_is_woken()  # which was woken later, so waits longer
        assert (len(model.wakes), line.wakes(idle.agent), line.receipt(sent)) == (1, 1, "accepted")


@each_program
def test_undone_nothing_of_it_is_left_and_nobody_is_woken(idle: IdleClient, line: IdleLine, model: WakingModel) -> None:
    connect(idle, line, model)
    with at_work(idle, line):
        line.wait_for_bell()
    assert line.person.connect(idle.agent, "--wake", "--undo", "--yes").returncode == 0
    assert not idle.is_to_be_woken(line.person.person)
    over = model.turns
    with at_work(idle, line):
        until(lambda: model.turns > over, BEGIN_SECONDS, what="the end of a turn")
        (sent,) = line.send(idle.agent, BODY)
        for _ in range(2):  # at once and, since two wakes lie apart, long after any bell of this turn was listened to
            line.wait_until_another_is_woken()
        assert (model.wakes, line.wakes(idle.agent), line.receipt(sent)) == ([], 0, "accepted")


@pytest.mark.parametrize("idle", [OPENCODE_SERVED], indirect=True, ids=attrgetter("agent"))
def test_without_a_plugin_the_server_of_opencode_is_told_to_begin_the_turn(
    idle: IdleClient, line: IdleLine, model: WakingModel
) -> None:
    idle.configure(line.person.person, line.person.project, model.address)
    assert line.person.connect(idle.agent, "--yes").returncode == 0
    with at_work(idle, line) as terminal:
        until(lambda: model.turns, BEGIN_SECONDS, what="the end of a turn")
        sent = line.send(idle.agent, BODY, times=2)
        server = f"http://{server_of(terminal)}"
        told = line.person.run("wake", "--as", idle.agent, "--via", "opencode", "--server", server, "--once")
        assert told.returncode == 0, told
        wait_until_read(line, sent)
    assert model.wakes == ["2 messages wait for you on the warmline line"]
    assert BODY not in model.sent_before_fetching
