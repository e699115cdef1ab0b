"""The folder in memory of an encrypted home's daemon."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from warmline.errors import DaemonError
from warmline.security.workspace import check_place, open_workspace


def test_it_is_for_its_owner_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "index").mkdir()
        (folder / "index" / "words").write_text("heron")
    assert not folder.exists()


def test_what_a_killed_daemon_left_goes_and_that_of_another_home_stays(tmp_path: Path) -> None:
    left, other = open_workspace(tmp_path), open_workspace(tmp_path / "other")
    with other as of_another:
        killed = left.__enter__()
        (killed / "words").write_text("heron")
        with open_workspace(tmp_path) as folder:
            assert not killed.exists()
            assert folder.exists()
            assert of_another.exists()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    with open_workspace(tmp_path) as folder:
        link = folder.with_name(f"{folder.name}x")
        link.symlink_to(victim)
    try:
        with open_workspace(tmp_path):
            assert victim.exists()
    finally:
        link.unlink()


def test_a_system_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match="no tmpfs"):
        check_place(tmp_path)
