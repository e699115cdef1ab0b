"""What `[listen]` in `warmline.toml` may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from configuration_file import written
from warmline.agents import AgentPlan
from warmline.configuration import reading
from warmline.configuration.listening import PLACES, ListenPlan, parse, read
from warmline.configuration.writing import add
from warmline.listen.addresses import Via

EVERYTHING = """
[listen]
tcp = "127.0.0.1:9999"
no_token = true
unencrypted = true
unix = "/run/user/1000/warmline.line"
fifo = "/run/user/1000/warmline.fifo"
shm = "warmline"
"""
PLAN = AgentPlan(name="claude", program=Path("/opt/claude"))


def test_without_a_file_or_a_table_the_instance_listens_nowhere(file: Path) -> None:
    assert read(file) == read(written(file, "fallback = true\n")) == ListenPlan()


def test_every_kind_of_transport_has_a_key() -> None:
    assert set(PLACES) == set(Via)


def test_every_key_is_read_and_is_no_problem_of_the_agents(file: Path) -> None:
    assert read(written(file, EVERYTHING)) == ListenPlan(
        places={
            "tcp": "127.0.0.1:9999",
            "unix": "/run/user/1000/warmline.line",
            "fifo": "/run/user/1000/warmline.fifo",
            "shm": "warmline",
        },
        no_token=True,
        unencrypted=True,
    )
    assert reading.read(file).problems == {}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("tcp = 9999", '`listen.tcp`: write a text on one line, such as "..."'),
        ('no_token = "yes"', "`listen.no_token`: write true or false"),
        ("unencrypted = 1", "`listen.unencrypted`: write true or false"),
        ('port = "9999"', "`listen.port`: there is no such key; there are tcp, unix, fifo, shm, no_token, unencrypted"),
        ('"a\\nb" = 1', "`listen.a\\nb`: there is no such key"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_and_the_others_are_read(line: str, problem: str) -> None:
    said = parse(f'[listen]\nshm = "ok"\n{line}\n')
    assert said.places == {"shm": "ok"}
    assert (said.no_token, said.unencrypted) == (False, False)
    (told,) = said.problems
    assert told.startswith(problem)


def test_what_is_no_table_is_told() -> None:
    assert parse("listen = 9999\n") == ListenPlan(problems=("`listen`: write a table, [listen]",))


def test_a_file_that_cannot_be_read_or_trusted_opens_nothing(file: Path) -> None:
    assert read(written(file, "[listen\n")).problems[0].startswith(f"{file}: this is no TOML")
    written(file, EVERYTHING).chmod(0o666)
    file.parent.chmod(0o711)
    said = read(file)
    assert said.places == {}
    assert "others can write" in said.problems[0]


@pytest.mark.parametrize("fallback", [None, True])
def test_an_agent_that_is_added_changes_nothing_of_it(file: Path, fallback: bool | None) -> None:
    before = read(written(file, EVERYTHING))
    add(file, PLAN, fallback=fallback)
    assert read(file) == before
    assert reading.read(file).fallback is bool(fallback)
