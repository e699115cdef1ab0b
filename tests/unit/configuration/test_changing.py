"""How `warmline.toml` is changed: nothing of a person's is lost."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from configuration_file import written
from warmline.agents import AgentPlan, Configuration
from warmline.configuration import writing
from warmline.configuration.reading import read
from warmline.errors import ConfigurationError, ConflictError, UnknownAgentError

PLAN = AgentPlan(name="claude", program=Path("/opt/claude"))

COMMENTED = """\
# Mine, and nobody else's.
fallback = false  # never

[agents.old]  # since May
program = "/opt/old"  # the good one
drained = true  # until it is mended

[agents.old.environment]
LANG = "C"  # no accents

# Ben's: ask him first.
[agents.ben]
program = "/opt/ben"
# end of Ben's
"""


def test_a_first_agent_makes_the_file_closed_to_others(file: Path) -> None:
    writing.add(file, PLAN, fallback=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read(file) == Configuration(agents=(PLAN,), fallback=True)
    assert list(file.parent.iterdir()) == [file]


def test_adding_keeps_every_line_and_removing_undoes_it(file: Path) -> None:
    written(file, COMMENTED)
    writing.add(file, PLAN)
    text = file.read_text("utf-8")
    assert text.startswith(COMMENTED)
    assert [each.name for each in read(file).agents] == ["old", "ben", "claude"]
    writing.remove(file, "claude")
    assert file.read_text("utf-8") == COMMENTED


def test_changing_touches_the_lines_that_change_alone(file: Path) -> None:
    old = read(written(file, COMMENTED)).agents[0]
    writing.change(file, replace(old, drained=False, model="m"))
    assert file.read_text("utf-8") == COMMENTED.replace("drained = true  # until it is mended\n", 'model = "m"\n')
    assert read(file).agents[0] == replace(old, drained=False, model="m")


def test_removing_takes_the_agents_tables_and_keeps_what_is_said_of_the_next(file: Path) -> None:
    writing.remove(written(file, COMMENTED), "old")
    head, _, _ = COMMENTED.partition("[agents.old]")
    assert file.read_text("utf-8") == head + COMMENTED[COMMENTED.index("# Ben's") :]


def test_the_fallback_goes_above_the_tables_and_keeps_its_remark(file: Path) -> None:
    writing.add(written(file, COMMENTED), PLAN, fallback=True)
    assert file.read_text("utf-8").startswith(
        COMMENTED.replace("fallback = false  # never", "fallback = true  # never")
    )
    written(file, '# mine\n[agents.a]\nprogram = "/opt/a"\n')
    writing.add(file, PLAN, fallback=True)
    assert read(file).fallback is True
    assert "# mine" in file.read_text("utf-8")


@pytest.mark.parametrize("text", ['[agents.claude]\nprogram = "relative"', 'agents.claude.program = "/opt/a"'])
def test_a_second_agent_of_a_name_is_refused_and_nothing_is_changed(file: Path, text: str) -> None:
    written(file, text)
    with pytest.raises(ConflictError, match="has an agent claude already"):
        writing.add(file, PLAN)
    assert file.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (replace(PLAN, name="a b"), "no space"),
        (replace(PLAN, name="CLAUDE"), "reads the same as claude"),
        (replace(PLAN, name="b", program=Path("b")), "write an absolute path"),
        (replace(PLAN, name="b", min_workers=3), "write at most max_workers"),
    ],
)
def test_a_plan_that_could_not_be_read_is_not_written(file: Path, plan: AgentPlan, said: str) -> None:
    writing.add(file, PLAN)
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match=said):
        writing.add(file, plan)
    assert file.read_bytes() == before


def test_a_file_that_is_no_toml_is_not_written_to(file: Path) -> None:
    written(file, "[agents.a\n")
    with pytest.raises(ConfigurationError, match=r"at line 1, column"):
        writing.add(file, PLAN)
    with pytest.raises(ConfigurationError, match=r"at line 1, column"):
        writing.remove(file, "a")
    assert file.read_text("utf-8") == "[agents.a\n"


def test_tables_in_a_form_that_cannot_be_added_to_are_left_to_the_person(file: Path) -> None:
    text = 'agents = { a = { program = "/opt/a" } }\n'
    with pytest.raises(ConfigurationError, match="edit it yourself"):
        writing.add(written(file, text), PLAN)
    assert file.read_text("utf-8") == text


def test_a_header_within_a_text_of_several_lines_takes_nothing_away(file: Path) -> None:
    a = '[agents.a]\nprogram = "/opt/a"\n[agents.a.environment]\nA = """\n[agents.b]\n"""\n'
    text = f'{a}[agents.b]\nprogram = "/opt/b"\n'
    with pytest.raises(ConfigurationError, match="edit it yourself"):
        writing.remove(written(file, text), "b")
    assert file.read_text("utf-8") == text


def test_one_that_cannot_be_used_can_be_removed_and_makes_way(file: Path) -> None:
    written(file, '[agents.a]\nprogram = "/opt/a"\n\n[agents.A]\nprogram = "/opt/b"\n\n[agents.c]\nprogram = "c"\n')
    writing.remove(file, "c")
    assert list(read(file).problems) == ["A"]
    writing.remove(file, "a")
    assert [plan.name for plan in read(file).agents] == ["A"]


@pytest.mark.parametrize("change", [lambda file: writing.remove(file, "b"), lambda file: writing.change(file, PLAN)])
def test_who_is_not_there_cannot_be_changed_or_removed(file: Path, change: Callable[[Path], None]) -> None:
    with pytest.raises(UnknownAgentError):
        change(written(file, '[agents.a]\nprogram = "/opt/a"\n'))


def test_what_was_there_is_put_back_or_nothing_if_nothing_was(file: Path) -> None:
    writing.put_back(written(file, COMMENTED), b"# before\n")
    assert file.read_text("utf-8") == "# before\n"
    writing.put_back(file, None)
    assert not file.exists()


def test_two_commands_do_not_change_the_file_at_once(file: Path) -> None:
    with writing.changing(file), pytest.raises(ConflictError, match="another command"), writing.changing(file):
        pass
    with writing.changing(file):
        writing.add(file, PLAN)


def test_a_link_to_the_file_stays_one(file: Path) -> None:
    real = file.with_name("dotfiles.toml")
    real.write_text(COMMENTED, "utf-8")
    file.symlink_to(real)
    writing.add(file, PLAN)
    assert file.is_symlink()
    assert real.read_text("utf-8").startswith(COMMENTED)
