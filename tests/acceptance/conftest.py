"""A line with a small memory and a daemon, for the tests of a file; and a conversation for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connecting_home import ConnectingHome
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    home = RealHome(tmp_path_factory.mktemp("served") / "home")
    home.serve()
    yield home
    home.close()


@pytest.fixture
def connecting(served: RealHome, tmp_path: Path) -> Iterator[ConnectingHome]:
    """A person of the test's own. At the end nobody is connected."""
    home = ConnectingHome(served, tmp_path)
    yield home
    home.leave()
