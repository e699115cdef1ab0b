"""Whatever is written to a rendezvous, what lies beside it, and what is left there."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from echo_instance import (
    LOOPS,
    PATIENCE_SECONDS,
    SWEEPING,
    EchoInstance,
    descriptors_of,
    echoing,
    give_away,
    names_beside,
    ping,
    write_at,
)
from talk import until
from warmline.listen.fifo.lines import write_open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "line.fifo"


@pytest.fixture(params=LOOPS)
def instance(request: pytest.FixtureRequest, path: Path) -> Iterator[EchoInstance]:
    with echoing(path, loop=request.param) as instance:
        yield instance


# Whatever is written there


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\xff\xfe\n" * 1000,
        b"\n" * 100_000,
        b"no newline at all",
        b"x" * 3_000_000,
        b"[" * 4000 + b"\n",
        b'{"type":"open"}\n' * 5000,
        write_open("../escaped", "/etc/passwd"),
        write_open("", "."),
        write_open(".line.fifo.a\0b", ".line.fifo.c"),
        b'{"type":"open","requests":".line.fifo.\\ud800","replies":".line.fifo.x"}\n',
        b'{"type":"query","reply_to":"\\ud800"}\n',
        b'{"type":"query","reply_to":"a\\u0000b"}\n',
        b'{"type":"query","reply_to":"../x"}\n',
        b'{"type":"query","reply_to":"line.fifo"}\n',
        write_open(".line.fifo." + "n" * 300, ".line.fifo." + "m" * 300),
        write_open("line.fifo", "line.fifo"),
    ],
)
def test_garbage_hurts_nobody(instance: EchoInstance, garbage: bytes) -> None:
    before = descriptors_of(instance)
    write_at(instance.path, garbage)
    ping(instance)
    assert descriptors_of(instance) == before
    assert instance.path.is_fifo()


def _made(kind: str, path: Path) -> list[int]:
    """Make what no client would; return descriptors of what is held open."""
    match kind:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case "device":
            if os.geteuid() != 0:
                pytest.skip("only root makes devices")
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        case "link":
            path.symlink_to("elsewhere")
            path = path.with_name("elsewhere")
            os.mkfifo(path, 0o600)
        case _:
            os.mkfifo(path, 0o600)
    if kind == "another's":
        give_away(path)
    if kind == "wide":
        path.chmod(0o644)
    return [os.open(path, os.O_RDWR)] if kind in {"link", "another's", "wide"} else []


@pytest.mark.parametrize("kind", ["file", "folder", "link", "device", "another's", "unread", "wide"])
def test_what_is_no_fifo_of_a_client_is_not_opened_nor_touched(instance: EchoInstance, kind: str) -> None:
    requests, replies = (instance.path.with_name(f".line.fifo.{name}") for name in ("requests", "replies"))
    os.mkfifo(requests, 0o600)
    held = [os.open(requests, os.O_RDWR)]
    held += _made(kind, replies)
    before = descriptors_of(instance)
    write_at(instance.path, write_open(requests.name, replies.name))
    ping(instance)
    assert descriptors_of(instance) == before
    assert os.path.lexists(requests)
    for descriptor in held:
        os.close(descriptor)


def test_one_fifo_is_not_taken_for_both_streams(instance: EchoInstance) -> None:
    both = instance.path.with_name(".line.fifo.both")
    os.mkfifo(both, 0o600)
    held = os.open(both, os.O_RDWR)
    write_at(instance.path, write_open(both.name, both.name))
    ping(instance)
    assert both.exists()
    os.close(held)


def test_who_writes_without_end_does_not_keep_others_out(instance: EchoInstance) -> None:
    stop = threading.Event()

    def flood() -> None:
        rendezvous = os.open(instance.path, os.O_WRONLY)
        while not stop.is_set():
            os.write(rendezvous, b"{" * 10_000)
        os.close(rendezvous)

    flooder = threading.Thread(target=flood)
    flooder.start()
    for _ in range(20):
        ping(instance)
    stop.set()
    flooder.join(PATIENCE_SECONDS)


def test_a_fifo_in_another_folder_is_not_opened(instance: EchoInstance) -> None:
    other = instance.path.with_name("other")
    other.mkdir()
    os.mkfifo(other / "answer", 0o600)
    held = os.open(other / "answer", os.O_RDWR | os.O_NONBLOCK)
    write_at(instance.path, letter_to("other/answer"))
    ping(instance)
    with pytest.raises(BlockingIOError):
        os.read(held, 1)
    os.close(held)


# Letters


def letter_to(name: str) -> bytes:
    return json.dumps({"type": "query", "question": "?", "reply_to": name}).encode() + b"\n"


def test_a_letter_is_answered_to_who_opens_its_fifo_only_later(instance: EchoInstance) -> None:
    answer = instance.path.with_name("answer")
    os.mkfifo(answer, 0o600)
    write_at(instance.path, letter_to("answer"))
    ping(instance)
    with answer.open("rb") as replies:
        assert replies.read() == letter_to("answer")
    assert answer.exists()
    until(lambda: not instance.living)


def test_a_letter_whose_fifo_others_may_open_is_told_so(instance: EchoInstance) -> None:
    answer = instance.path.with_name("answer")
    os.mkfifo(answer)
    answer.chmod(0o644)
    write_at(instance.path, letter_to("answer"))
    with answer.open("rb") as replies:
        assert json.loads(replies.read())["code"] == "unsafe_path"


def test_letters_that_nobody_wants_are_let_go(path: Path) -> None:
    soon = replace(SWEEPING, letter_patience=timedelta(milliseconds=50), letter_period=timedelta(milliseconds=1))
    os.mkfifo(path.with_name("answer"), 0o600)
    with echoing(path, replace(soon, letters=10)) as instance:
        for _ in range(30):
            write_at(path, letter_to("answer"))
        ping(instance)
        assert instance.run(lambda: len(instance.listener._held)) <= 10
        until(lambda: not instance.run(lambda: len(instance.listener._held)))
        ping(instance)


# What is left behind


def test_what_dead_clients_left_is_removed_and_what_is_held_or_of_others_is_not(path: Path) -> None:
    names = [path.with_name(f".line.fifo.{name}") for name in ("dead", "held", "file")]
    os.mkfifo(names[0], 0o600)
    os.mkfifo(names[1], 0o600)
    names[2].write_text("mine")
    os.mkfifo(path.with_name(".line"), 0o600)
    held = os.open(names[1], os.O_RDWR)
    with echoing(path):
        until(lambda: not names[0].exists())
        assert names_beside(path) == [".line", ".line.fifo.file", ".line.fifo.held"]
    assert names[1].exists()
    os.close(held)


def test_a_young_fifo_is_left_until_the_listener_closes(path: Path) -> None:
    made = path.with_name(".line.fifo.young")
    with echoing(path, replace(SWEEPING, leftover_age=timedelta(hours=1))) as instance:
        os.mkfifo(made, 0o600)
        assert instance.run(lambda: instance.listener._rendezvous.sweep(3600)) == 0
        assert made.exists()
    assert not made.exists()


def test_without_a_descriptor_left_clients_wait_and_are_served_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with echoing(path, replace(SWEEPING, accept_pause=timedelta(milliseconds=10))) as instance:
        rendezvous = instance.listener._rendezvous
        opened, failures = rendezvous.open_checked, iter(range(5))

        def open_checked(name: str, flags: int) -> tuple[int, bool]:
            if next(failures, None) is not None:
                raise OSError(24, "Too many open files")
            return opened(name, flags)

        monkeypatch.setattr(rendezvous, "open_checked", open_checked)
        ping(instance)
        assert next(failures, None) is None
