"""What an audit of the old bridge found, and a program can close: 1, 2, 6 and 7, over the real program.

Every check is made of the old bridge, too, and must be red for it. Findings 3, 4 and 5 stand in
`test_old_audit_findings_in_files.py`. The eighth was about what documents held: `make scan-secrets`.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from real_home import RealHome
from two_bridges import Bridge, OldOne, Warmline

LONGER_THAN_A_PIPE = "of which a pipe holds only the beginning. " * 2_500


@pytest.fixture
def warmline(real_home: RealHome, tmp_path: Path) -> Warmline:
    return Warmline(real_home, tmp_path / "scratch")


def files(bridge: Bridge) -> list[Path]:
    found = [path for path in bridge.folder.rglob("*") if path.is_file()]
    assert found
    return found


def check_1_that_others_can_open_no_file(bridge: Bridge) -> None:
    assert bridge.send("hello")
    assert {path: mode for path in files(bridge) if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077} == {}


def check_1_that_no_file_holds_a_token(bridge: Bridge) -> None:
    assert bridge.send("hello")
    kept = {path: path.read_bytes() for path in files(bridge)}
    assert {path for path, text in kept.items() for token in bridge.tokens.values() if token.encode() in text} == set()


def check_2_that_what_a_reader_fetched_before_it_died_comes_again(bridge: Bridge) -> None:
    assert bridge.send(LONGER_THAN_A_PIPE)
    bridge.fetch_and_die()
    assert bridge.receive(wait=30) == [LONGER_THAN_A_PIPE]


def check_6_that_a_restart_forgives_no_rate(bridge: Bridge) -> None:
    assert [bridge.send("again") for _ in range(11)] == [True] * 10 + [False]
    bridge.restart()
    assert not bridge.send("and again")


def check_6_that_a_credential_pays_for_nobody_of_the_same_name(bridge: Bridge) -> None:
    assert [bridge.send("again") for _ in range(11)] == [True] * 10 + [False]
    assert bridge.send_as_namesake("for the first time")


def check_7_that_nothing_serves_without_its_security(bridge: Bridge) -> None:
    assert not bridge.starts_without_its_security()


CHECKS = [
    check_1_that_others_can_open_no_file,
    check_1_that_no_file_holds_a_token,
    check_2_that_what_a_reader_fetched_before_it_died_comes_again,
    check_6_that_a_restart_forgives_no_rate,
    check_6_that_a_credential_pays_for_nobody_of_the_same_name,
    check_7_that_nothing_serves_without_its_security,
]
every_check = pytest.mark.parametrize("check", CHECKS, ids=[check.__name__.removeprefix("check_") for check in CHECKS])


@every_check
def test_the_finding_is_closed(warmline: Warmline, check: Callable[[Bridge], None]) -> None:
    check(warmline)


@every_check
def test_the_same_check_is_red_for_the_old_bridge(tmp_path: Path, check: Callable[[Bridge], None]) -> None:
    with pytest.raises(AssertionError):
        check(OldOne(tmp_path / "old"))
