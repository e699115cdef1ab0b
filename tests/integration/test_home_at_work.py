"""A command that has the home to itself for long: whoever comes meanwhile is told so, and nobody ends it."""

from __future__ import annotations

import os
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from real_home import RealHome
from warmline import __version__, daemon
from warmline.errors import AlreadyRunningError, DaemonError
from warmline.home import Home
from warmline.settings import DaemonSettings

SHORT = DaemonSettings(start_limit=timedelta(seconds=0.2), stop_limit=timedelta(seconds=0.2))


def said(home: Home) -> str:
    return f"encrypting {home.path} goes on (pid {os.getpid()}): try again when it is done"


def test_starting_and_stopping_a_daemon_is_refused_with_the_work_that_goes_on(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with daemon.own(home, __version__, "encrypting"):
        for attempt in (daemon.start, daemon.stop):
            with pytest.raises(DaemonError) as refused:
                attempt(home, SHORT)
            assert str(refused.value) == said(home)
        with pytest.raises(AlreadyRunningError) as refused, daemon.own(home, __version__):
            pass
        assert str(refused.value) == said(home)


def test_who_comes_while_others_wait_for_it_is_told_the_same(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with (
        daemon.own(home, __version__, "encrypting"),
        daemon._open_private(home, home.starting) as turn,  # another command's
    ):
        daemon._lock_within(turn, 1)
        with pytest.raises(DaemonError) as refused:
            daemon.start(home, SHORT)
        assert str(refused.value) == said(home)


def test_a_daemon_that_neither_serves_nor_leaves_is_another_thing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with daemon.own(home, __version__), pytest.raises(DaemonError, match="kill -9"):
        daemon.start(home, SHORT)


@pytest.mark.parametrize("words", ["stop", "serve --port 0", "store encrypt --key-file {key}", "store decrypt"])
def test_no_command_disturbs_the_work(real_home: RealHome, tmp_path: Path, words: str) -> None:
    home = real_home.home
    if words == "store decrypt":
        encrypted = real_home.run("store", "encrypt", "--key-file", str(tmp_path / "key"))
        assert encrypted.returncode == 0, encrypted.stderr
    with daemon.own(home, __version__, "encrypting"):
        refused = real_home.run(*shlex.split(words.format(key=tmp_path / "key")))
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert refused.stderr.decode() == f"warmline: {said(home)}\n"
