"""What `warmline.toml` may say."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from configuration_file import written
from warmline.agents import AgentPlan, Configuration, Mode
from warmline.configuration.keys import KEYS
from warmline.configuration.reading import MAX_FILE_BYTES, parse, read

PLAN = AgentPlan(name="claude", program=Path("/opt/claude"))


def problem_of(lines: str) -> str:
    """Return the one problem of an agent `a` with these lines."""
    said = parse(f'[agents.a]\nprogram = "/opt/a"\n{lines}\n[agents.ok]\nprogram = "/opt/ok"\n')
    assert [plan.name for plan in said.agents] == ["ok"]
    assert list(said.problems) == ["a"]
    assert "\n" not in said.problems["a"]
    return said.problems["a"]


def test_without_a_file_there_are_no_agents(file: Path) -> None:
    assert read(file) == Configuration()


def test_an_agent_is_a_program_and_all_else_has_a_default(file: Path) -> None:
    assert read(written(file, '[agents.claude]\nprogram = "/opt/claude"\n')) == Configuration(agents=(PLAN,))


def test_every_field_of_a_plan_has_a_key(file: Path) -> None:
    assert {key.field for key in KEYS.values()} | {"name"} == {each.name for each in fields(AgentPlan)}


def test_every_key_is_read(file: Path) -> None:
    key = file.with_name("a.key")
    key.write_text("word-of-a-key\n")
    key.chmod(0o600)
    lines = f"""
        fallback = true
        [agents.a]
        kind = "claude"
        program = "/opt/a"
        mode = "recalled"
        model = "some-model"
        base_url = "http://127.0.0.1:8080/base"
        key_file = "{key}"
        user_home = "/home/me"
        tools = ["Read", "Grep"]
        folder = "/srv"
        memories = ["notes", "old notes"]
        window_tokens = 1_000_000
        min_workers = 0
        max_workers = 5
        turn_limit_seconds = 2.5
        drained = true
        environment = {{ LANG = "C.UTF-8" }}
        """
    assert read(written(file, lines)) == Configuration(
        fallback=True,
        agents=(
            AgentPlan(
                name="a",
                program=Path("/opt/a"),
                mode=Mode.RECALLED,
                model="some-model",
                base_url="http://127.0.0.1:8080/base",
                key_file=key,
                user_home=Path("/home/me"),
                tools=("Read", "Grep"),
                folder=Path("/srv"),
                memories=("notes", "old notes"),
                window_tokens=1_000_000,
                min_workers=0,
                max_workers=5,
                turn_limit=timedelta(seconds=2.5),
                drained=True,
                environment={"LANG": "C.UTF-8"},
            ),
        ),
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("workers = 3", "`agents.a.workers`: there is no such key; there are kind, program"),
        ('"kind\\n" = 3', "`agents.a.kind\\n`: there is no such key"),
        ('kind = "gpt"', '`agents.a.kind`: write "claude"'),
        ('mode = "warm"', '`agents.a.mode`: write "resident" or "recalled"'),
        ("model = 3", "`agents.a.model`: write a text on one line"),
        ('model = ""', "`agents.a.model`: write a text on one line"),
        ('model = "a\\nb"', "`agents.a.model`: write a text on one line"),
        ('key_file = "key"', "`agents.a.key_file`: write an absolute path"),
        ('user_home = "~"', "`agents.a.user_home`: write an absolute path"),
        ('key_file = "/no/such/key"', "`agents.a.key_file`: /no/such/key is needed, and cannot be read"),
        ("window_tokens = 999", "`agents.a.window_tokens`: write a whole number from 1000 to 10000000"),
        ("window_tokens = 200000.0", "`agents.a.window_tokens`: write a whole number"),
        ("max_workers = 65", "`agents.a.max_workers`: write a whole number from 1 to 64"),
        ("min_workers = true", "`agents.a.min_workers`: write a whole number from 0 to 64"),
        ("min_workers = 3", "`agents.a.min_workers`: write at most max_workers, which is 2"),
        ("turn_limit_seconds = 0.5", "`agents.a.turn_limit_seconds`: write a number of seconds from 1 to 3600"),
        ("turn_limit_seconds = nan", "`agents.a.turn_limit_seconds`: write a number of seconds"),
        ("drained = 1", "`agents.a.drained`: write true or false"),
        ('tools = "Read"', "`agents.a.tools`: write a list"),
        ('tools = ["--all"]', "`agents.a.tools`: a tool's name begins with no -"),
        ("memories = []", "`agents.a.memories`: name a root"),
        ("memories = [1]", "`agents.a.memories`: write a text"),
        ("environment = 3", "`agents.a.environment`: write a table"),
        ('environment = { "A B" = "c" }', "`agents.a.environment`: a variable's name has letters"),
        ('environment = { WARMLINE_WORKER = "c" }', "does not begin with WARMLINE_"),
        ('environment = { HOME = "/" }', "write the key user_home of the agent"),
        ('environment = { ANTHROPIC_API_KEY = "x" }', "write the key key_file of the agent"),
        ("environment = { A = 3 }", "give the variable A a text"),
        ('base_url = "ftp://example.com"', "`agents.a.base_url`: write an address"),
        ('base_url = "example.com"', "`agents.a.base_url`: write an address"),
        ('base_url = "https://"', "`agents.a.base_url`: write an address"),
        ('base_url = "https://me@example.com"', "`agents.a.base_url`: write an address"),
        ('base_url = "https://me:' + 'word@example.com"', "`agents.a.base_url`: this looks like a secret"),
        ('base_url = "https://example.com:99999"', "`agents.a.base_url`: write an address"),
        ('base_url = "https://[::1"', "`agents.a.base_url`: write an address"),
    ],
)
def test_what_is_wrong_with_one_agent_names_the_key_and_is_its_own_problem(lines: str, said: str) -> None:
    assert said in problem_of(lines)


def test_an_agent_without_a_program_is_its_own_problem() -> None:
    said = parse('[agents.a]\nmodel = "m"\n').problems["a"]
    assert said.startswith("[agents.a]: write which program it is")


@pytest.mark.parametrize("program", ["claude", "./claude", "~/claude", ""])
def test_a_program_that_is_no_absolute_path_is_refused(program: str) -> None:
    assert parse(f'[agents.a]\nprogram = "{program}"\n').problems["a"].startswith("`agents.a.program`: write a")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "a\\tb",
        "a/b",
        ".",
        "..",
        "x\\n",
        "Memory",
        "OWNER",
        "warmline",
        "Extractive",
        "a" * 101,
        "\\u2068a",
    ],
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    said = parse(f'[agents."{name}"]\nprogram = "/opt/a"\n')
    assert said.agents == ()
    assert [problem.startswith("[agents.") for problem in said.problems.values()] == [True]


def test_of_two_names_that_read_the_same_the_first_stands() -> None:
    said = parse('[agents.claude]\nprogram = "/opt/a"\n[agents.CLAUDE]\nprogram = "/opt/b"\n')
    assert said.agents == (replace(PLAN, program=Path("/opt/a")),)
    assert "reads the same as claude" in said.problems["CLAUDE"]


def test_more_agents_than_may_be_are_problems() -> None:
    said = parse("".join(f'[agents.a{n}]\nprogram = "/opt/a"\n' for n in range(65)))
    assert len(said.agents) == 64
    assert list(said.problems) == ["a64"]


def test_what_stands_outside_of_agents_is_a_problem_and_the_agents_work() -> None:
    said = parse('fallback = "yes"\nfallbak = true\n[agents.claude]\nprogram = "/opt/claude"\n')
    assert said.agents == (PLAN,)
    assert said.fallback is False
    assert said.problems["fallback"] == "`fallback`: write true or false"
    assert said.problems["fallbak"].startswith("`fallbak`: there is no such key")


def test_a_key_above_all_tables_of_agents_is_a_problem_and_the_agents_work() -> None:
    said = parse('[agents]\nprogram = "/opt/x"\n[agents.claude]\nprogram = "/opt/claude"\n')
    assert said.agents == (PLAN,)
    assert "write [agents.NAME] above it" in said.problems["program"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[agents.a]\nprogram = "/opt\n', "(at line 2, column"),
        ('a = """\n', "(at end of document)"),
        ("[agents.a]\n[agents.a]\n", "(at line 2, column"),
        ("agents = 3", "`agents`: write a table"),
        ("[[agents]]", "`agents`: write a table"),
        ("a = " + "[" * 5000, "this is nested too deeply"),
        ("a = " + "9" * 5000, "this is no TOML"),
    ],
)
def test_what_cannot_be_read_at_all_is_the_trouble_with_its_place(file: Path, text: str, said: str) -> None:
    found = read(written(file, text))
    assert (found.agents, found.problems) == ((), {})
    assert found.trouble is not None
    assert found.trouble.startswith(f"{file}: ")
    assert said in found.trouble
    assert "\n" not in found.trouble


def _noise(file: Path) -> None:
    file.write_bytes(b"a = '\xff'")


def _flood(file: Path) -> None:
    file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))


def _open_to_all(file: Path) -> None:
    file.write_bytes(b"")
    file.chmod(0o666)
    file.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.mkdir, "no regular file"),
        (os.mkfifo, "no regular file"),
        (_noise, "not UTF-8 (byte 5)"),
        (_flood, "more than 1,048,576 bytes"),
        (_open_to_all, "others can write to the file"),
    ],
)
def test_a_file_that_cannot_be_trusted_or_read_is_the_trouble(
    file: Path, make: Callable[[Path], None], said: str
) -> None:
    make(file)
    assert said in (read(file).trouble or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a file away")
def test_a_file_of_another_user_is_the_trouble(file: Path) -> None:
    os.chown(written(file, '[agents.claude]\nprogram = "/opt/claude"\n'), 12345, -1)
    found = read(file)
    assert found.agents == ()
    assert "belongs to another user" in (found.trouble or "")


@pytest.mark.parametrize(
    ("mode", "content", "said"),
    [
        (0o640, "word", "can be read by others: run `chmod 600"),
        (0o600, "", "holds 0 words"),
        (0o600, "two words", "holds 2 words"),
        (0o600, "x", "holds no key: that is 8 or more"),
        (0o600, "seven77", "holds no key: that is 8 or more"),
        (0o600, "with-\0-within", "holds no key: that is 8 or more"),
        (0o600, "w\u00f6rd", "cannot be read as a key"),
        (0o600, "a" * 5000, "is too long for a key"),
    ],
)
def test_a_key_file_that_is_open_or_holds_no_key_is_a_problem_of_its_agent(
    tmp_path: Path, mode: int, content: str, said: str
) -> None:
    key = tmp_path / "a.key"
    key.write_text(content, "utf-8")
    key.chmod(mode)
    problem = problem_of(f'key_file = "{key}"')
    assert problem.startswith("`agents.a.key_file`: ")
    assert said in problem
