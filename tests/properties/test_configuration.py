"""What is written into `warmline.toml` is read as the same, and taken out again leaves what was there."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from warmline.agents import AgentPlan, Mode
from warmline.configuration import writing
from warmline.configuration.keys import check_name
from warmline.configuration.reading import read
from warmline.errors import ConfigurationError
from warmline.security.redaction import find_secrets

printable = st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S")) | st.just(" ")
text = st.text(printable, min_size=1, max_size=20).filter(lambda said: said.isprintable() and not find_secrets(said))
path = text.map(lambda said: Path("/") / said.replace("/", "_"))
variable = st.from_regex(r"[A-Z_]{1,8}", fullmatch=True).filter(lambda name: name != "HOME")


def usable(name: str) -> bool:
    try:
        check_name(name)
    except ValueError:
        return False
    return True


name = text.filter(usable)


@st.composite
def plans(draw: st.DrawFn) -> AgentPlan:
    most = draw(st.integers(1, 64))
    environment = draw(st.dictionaries(variable, st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
    assume(not any(find_secrets(f"{each}={value}") for each, value in environment.items()))
    return AgentPlan(
        name=draw(name),
        program=draw(path),
        mode=draw(st.sampled_from(Mode)),
        model=draw(st.none() | text),
        base_url=draw(st.sampled_from([None, "https://example.com", "http://127.0.0.1:80/a"])),
        user_home=draw(st.none() | path),
        environment=environment,
        tools=tuple(draw(st.lists(text.filter(lambda said: not said.startswith("-")), max_size=3))),
        folder=draw(st.none() | path),
        memories=draw(st.none() | st.lists(text, min_size=1, max_size=3).map(tuple)),
        window_tokens=draw(st.integers(1000, 10_000_000)),
        min_workers=draw(st.integers(0, most)),
        max_workers=most,
        turn_limit=timedelta(microseconds=draw(st.integers(10**6, 3600 * 10**6))),
        drained=draw(st.booleans()),
    )


@given(plan=plans(), beside=plans(), other=plans(), fallback=st.booleans())
def test_a_plan_is_read_as_it_was_written_and_removed_leaves_the_file_as_it_was(
    plan: AgentPlan, beside: AgentPlan, other: AgentPlan, fallback: bool
) -> None:
    assume(plan.name.casefold() != beside.name.casefold())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "warmline.toml"
        try:
            writing.add(file, beside, fallback=fallback)
            before = file.read_bytes()
            writing.add(file, plan)
        except ConfigurationError as error:
            assume("reads the same" not in str(error))
            raise
        said = read(file)
        assert (said.agents, said.fallback, said.problems) == ((beside, plan), fallback, {})
        changed = replace(other, name=plan.name)
        writing.change(file, changed)
        assert read(file).agents == (beside, changed)
        writing.remove(file, plan.name)
        assert file.read_bytes() == before


@given(st.text(st.sampled_from("[].\"=#\n ,{}'aprogmentsfalbck/1-\\"), max_size=80))
def test_any_text_is_read_or_refused_in_one_line(said: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "warmline.toml"
        file.write_text(said, "utf-8")
        found = read(file)
    assert not any("\n" in problem for problem in (*found.problems.values(), found.trouble or ""))
