"""A line, and a model that tells real clients what to call. Without the programs all of it is skipped, loudly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from real_clients.line import ClientsLine, Tell, Told
from real_clients.running import Errand, RealClient
from scripted_model.dialect import Call
from scripted_model.server import DONE, ScriptedModel


@pytest.fixture
def client(request: pytest.FixtureRequest) -> RealClient:
    """A real client that was fetched."""
    client: RealClient = request.param
    client.program()
    return client


@pytest.fixture
def line(tmp_path: Path) -> Iterator[ClientsLine]:
    line = ClientsLine(tmp_path)
    try:
        line.remember("exporter.md", "# The exporter\n\nThe exporter listens on port 9187.\n")
        yield line
    finally:
        line.close()


@pytest.fixture
def tell(line: ClientsLine, tmp_path: Path) -> Tell:
    """Run a client whose model calls these tools, and return what it got."""

    def tell(client: RealClient, door: str, *script: Call, between: Callable[[int], None] = lambda _: None) -> Told:
        folder = tmp_path / "person"
        folder.mkdir()
        with ScriptedModel(script, between) as model:
            done = client.run(Errand(folder, line.door(door), model.address))
        about = (done.returncode, done.stdout[-3000:], done.stderr[-3000:], model.offered, model.strange)
        assert len(model.results) == len(script), (about, model.results)
        assert (done.returncode, DONE in done.stdout) == (0, True), about
        return Told(frozenset(model.offered), model.results)

    return tell
