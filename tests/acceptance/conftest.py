"""A line with a small memory and a daemon, for the tests of a file; and a conversation for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from real_home import RealHome
from talk import QUOTE, Talk


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    folder = tmp_path_factory.mktemp("line")
    notes = folder / "notes"
    notes.mkdir()
    (notes / "exporter.md").write_text(f"# The exporter\n\n{QUOTE}\n", "utf-8")
    home = RealHome(folder / "home")
    home.serve()
    assert home.run("memory", "add", str(notes)).returncode == 0
    yield home
    home.close()


@pytest.fixture
def talk(line: RealHome) -> Iterator[Talk]:
    """A coordinator, docs, and ada, who is a person. Closed at the end: names are free again for the next."""
    talk = Talk(line, "--between", "coordinator,docs", "--person", "ada")
    yield talk
    line.run("conversation", "close", talk.id)
