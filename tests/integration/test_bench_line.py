"""How `bench line` ends when the daemon closes a connection of its."""

from __future__ import annotations

from pathlib import Path

import pytest

from warmline import daemon
from warmline.errors import DaemonError
from warmline.home import Home
from warmline.operations.bench_line import Speaker


def test_a_request_over_a_connection_that_was_closed_is_an_error_that_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    with daemon.listen_unix(home) as listener:
        speaker = Speaker(home, "any")
        listener.setblocking(True)
        listener.accept()[0].close()
        with pytest.raises(DaemonError, match="GET /healthz got no answer: BrokenPipeError"):
            speaker.call("GET", "/healthz")
