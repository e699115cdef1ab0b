"""Shared memory between an instance and its clients: the place where they meet."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from listening import PATIENCE, Noted, channel_to, in_thread, receive_exactly
from sharing_memory import PLACE, Instance
from warmline.errors import DaemonError
from warmline.listen.shared_memory.channel import ShmChannel
from warmline.listen.shared_memory.listener import ShmListener
from warmline.listen.shared_memory.rendezvous import runtime_folder
from warmline.listen.shared_memory.transport import connect_shm
from warmline.listen.transports import connect_channel, connect_transport
from warmline.settings import ListenSettings

SETTINGS = ListenSettings()
RING_BYTES = SETTINGS.slots * (SETTINGS.slot_bytes - 8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    return tmp_path / "warmline"


@pytest.fixture
def own_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_root_only() -> None:
    if os.geteuid():
        pytest.skip("NOT TESTED: only root can give a folder to another user")


async def test_folder_and_socket_are_open_to_their_owner_alone_though_the_umask_is_wide(folder: Path) -> None:
    before = os.umask(0)
    try:
        async with Instance():
            assert mode_of(folder) == 0o700
            assert mode_of(folder / "line.shm") == 0o600
    finally:
        os.umask(before)
    assert not (folder / "line.shm").exists()


def make_open_to_others(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o750)


def make_a_link(folder: Path) -> None:
    folder.with_name("elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.with_name("elsewhere"))


def make_a_file(folder: Path) -> None:
    folder.touch(mode=0o700)


def give_away(folder: Path) -> None:
    as_root_only()
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, -1)


@pytest.mark.parametrize("make", [make_open_to_others, make_a_link, make_a_file, give_away])
async def test_a_folder_that_others_could_use_is_refused_by_both_sides(
    folder: Path, make: Callable[[Path], None]
) -> None:
    make(folder)
    with pytest.raises(DaemonError, match=str(folder)):
        ShmListener(PLACE, SETTINGS)
    with pytest.raises(DaemonError, match=str(folder)):
        connect_channel(PLACE, PATIENCE)
    with pytest.raises(DaemonError, match=str(folder)):
        await connect_transport(PLACE, Noted)


def test_the_runtime_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root_only()
    others = tmp_path / "others"
    others.mkdir()
    os.chown(others, 12345, -1)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(others))
    assert not runtime_folder().is_relative_to(others)


@pytest.mark.parametrize("variable", ["", "relative/path", "/nowhere/at/all"])
def test_without_a_runtime_folder_there_is_one_for_this_user_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", variable)
    user = os.geteuid()
    usual = Path(f"/run/user/{user}")
    expected = usual / "warmline" if usual.is_dir() else tmp_path / "temporary" / f"warmline-{user}"
    assert runtime_folder() == expected


async def test_a_folder_may_have_a_name_of_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path.joinpath(*["long" * 50] * 4)
    long.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    async with Instance(echoes=True):
        async with channel_to(PLACE) as channel:
            await in_thread(lambda: channel.send(b"ping", PATIENCE))
            assert await in_thread(lambda: receive_exactly(channel, 4)) == b"ping"
        transport, client = await connect_transport(PLACE, Noted)
        transport.close()
        await client.until_event("lost")


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda place: place.symlink_to("x"), os.mkfifo])
def test_what_is_no_socket_is_never_overwritten(own_folder: Path, make: Callable[[Path], None]) -> None:
    place = own_folder / "line.shm"
    make(place)
    before = place.lstat()
    with pytest.raises(DaemonError, match="shm://line"):
        ShmListener(PLACE, SETTINGS)
    assert place.lstat().st_ino == before.st_ino


async def test_a_stale_socket_is_replaced_and_one_that_lives_is_not(own_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(own_folder / "line.shm"))
    async with Instance():
        with pytest.raises(DaemonError, match="there already"):
            ShmListener(PLACE, SETTINGS)
        async with channel_to(PLACE):
            pass


async def test_who_binds_takes_away_what_dead_instances_left_and_nothing_else(own_folder: Path) -> None:
    for name in ("dead.shm", "dead too.shm", "dead.sock"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(own_folder / name))
    (own_folder / "file.shm").touch()
    with socket.socket(socket.AF_UNIX) as lives:
        lives.bind(str(own_folder / "lives.shm"))
        lives.listen()
        async with Instance():
            found = await in_thread(lambda: {each.name for each in own_folder.iterdir()})
    assert found == {"line.shm", "lives.shm", "file.shm", "dead.sock"}


async def test_a_listener_takes_away_only_its_own_socket(folder: Path) -> None:
    first = ShmListener(PLACE, SETTINGS)
    (folder / "line.shm").unlink()
    async with Instance():
        first.close()
        assert (folder / "line.shm").is_socket()


async def test_who_binds_waits_for_another_and_says_so_when_that_takes_too_long(own_folder: Path) -> None:
    other = os.open(own_folder, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DaemonError, match="keeps"):
            await in_thread(lambda: ShmListener(PLACE, SETTINGS))
    finally:
        os.close(other)


async def test_elsewhere_than_on_linux_both_sides_say_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(DaemonError, match=r"Linux.*unix://"):
        ShmListener(PLACE, SETTINGS)
    with pytest.raises(DaemonError, match=r"Linux.*unix://"):
        ShmChannel(PLACE, PATIENCE)
    with pytest.raises(DaemonError, match=r"Linux.*unix://"):
        await connect_shm(PLACE, Noted)
