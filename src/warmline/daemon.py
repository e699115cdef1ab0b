"""The daemon as a process: who owns a home, how one is started and stopped, where it listens.

It knows locks, processes and sockets, and nothing of questions. Clients import it too, so it imports
nothing heavy.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from warmline.endpoints import bind_tcp, bind_unix, connect_unix, resolve_tcp
from warmline.errors import AlreadyRunningError, DaemonError
from warmline.home import Home

if TYPE_CHECKING:
    from warmline.settings import DaemonSettings

PASSED_ON = (
    *("HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME"),
    *("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),  # the way to a keyring
)
"""All of the starter's environment that a started daemon sees."""

READY = b"ready\n"

PAUSE_SECONDS = 0.02
PROBE_SECONDS = 0.5
"""Longer than `owner_of` holds the lock to look whether it is free."""

CHANGE_SECONDS = 10.0
"""Longer than an owner takes to write itself into the lock's file, on a disk that others keep busy."""

CHANGING = "a daemon is just starting or leaving: try again in a moment"


class Owner(NamedTuple):
    """Who owns a home, as it wrote itself into the lock's file: a daemon, or a command that does some work alone."""

    pid: int
    started_at: str
    version: str
    work: str = ""
    """What a command does, such as `encrypting`; empty for a daemon."""


@contextmanager
def own(home: Home, version: str, work: str = "") -> Iterator[Owner]:
    """Own the home until the block ends; a command says for which work.

    Raises AlreadyRunningError, which names the owner, when another owns it.
    """
    home.make()
    with _open_private(home, home.lock) as file:
        try:
            _lock_within(file, PROBE_SECONDS)
        except DaemonError as error:
            running = _read_owner(file)
            raise AlreadyRunningError(_who(running, home) if running else CHANGING) from error
        owner = Owner(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), version, work)
        with home.usable():
            _write(file, json.dumps(owner._asdict()))
        try:
            yield owner
        finally:
            _write(file, "")


def owner_of(home: Home) -> Owner | None:
    """Return who owns the home now, or None. Raises DaemonError when the home cannot be read."""
    with home.usable():
        try:
            file = home.lock.open("r", encoding="utf-8")
        except FileNotFoundError:
            return None
        with file:
            return _look_for_owner(file)


def _look_for_owner(file: IO[str]) -> Owner | None:
    """Look who holds the lock; one that is just starting or leaving is looked at again."""
    deadline = time.monotonic() + CHANGE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = _read_owner(file)
            if owner is not None:
                return owner
            if time.monotonic() > deadline:
                raise DaemonError(CHANGING) from error
            time.sleep(PAUSE_SECONDS)
        else:
            return None


def start(home: Home, settings: DaemonSettings) -> None:
    """Start a daemon for this home, detached from everything of ours, and wait until it serves.

    Of several starters one starts; the others find it there. Raises DaemonError with the daemon's own words when
    it refuses to start, or when a command keeps the home to itself.
    """
    home.make()
    with _open_private(home, home.starting) as turn:
        try:
            _lock_within(turn, settings.start_limit.total_seconds())
        except DaemonError as error:
            owner = owner_of(home)
            raise DaemonError(_who(owner, home)) if owner and owner.work else error from error
        if _is_free(home, settings):
            _spawn(home, settings.start_limit.total_seconds())


def stop(home: Home, settings: DaemonSettings) -> Owner | None:
    """Ask the owner to drain and leave, and wait until it has left; return who it was, or None.

    Raises DaemonError when it has not left within settings.stop_limit, or is a command, which is let alone.
    """
    owner = owner_of(home)
    if owner is None:
        return None
    if owner.work:
        raise DaemonError(_who(owner, home))
    try:
        os.kill(owner.pid, signal.SIGTERM)
    except ProcessLookupError:
        return owner
    wait_until_left(owner, settings)
    return owner


def wait_until_left(owner: Owner, settings: DaemonSettings) -> None:
    """Wait until the daemon has ended. Raises DaemonError when it has not within settings.stop_limit."""
    deadline = time.monotonic() + settings.stop_limit.total_seconds()
    while _lives(owner.pid, PAUSE_SECONDS):
        if time.monotonic() > deadline:
            raise DaemonError(f"the daemon (pid {owner.pid}) has not left yet: end it with kill -9")


def connect(home: Home, timeout_seconds: float | None) -> socket.socket:
    """Connect to the daemon's Unix socket, however long its path.

    Raises OSError (FileNotFoundError, ConnectionRefusedError) when none listens.
    """
    return connect_unix(home.socket, timeout_seconds)


def listen_unix(home: Home) -> socket.socket:
    """Bind the home's Unix socket (0600) and listen. Only the owner of the home may call this.

    Raises DaemonError when the home's file system has no place for one.
    """
    with home.usable():
        home.socket.unlink(missing_ok=True)
        return bind_unix(home.socket)


def listen_tcp(settings: DaemonSettings) -> socket.socket | None:
    """Listen on settings.host and port, or return None when the port is taken. Port 0 picks a free one.

    A name stands for its first address; `::` for those of IPv6 alone. Raises DaemonError when the host is no
    address of this machine, or one that others reach while nothing says how: by a certificate or unencrypted.
    """
    try:
        place = resolve_tcp(settings.host, settings.port)
    except OSError as error:
        raise DaemonError(f"cannot listen on {settings.host!a}: there is no address of that name") from error
    if not (is_loopback(place.host) or settings.tls_cert or settings.unencrypted):
        raise DaemonError(
            f"other machines reach {settings.host}: give --tls-cert and --tls-key, or say --unencrypted as well"
        )
    try:
        return bind_tcp(place)
    except OSError as error:
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return None
        raise DaemonError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches the address."""
    return address.startswith("127.") or address == "::1"


def allow_descriptors(wanted: int) -> int:
    """Raise this process's soft limit of open files to what is wanted, as far as the hard one allows; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def announce(descriptor: int, refusal: str | None) -> None:
    """Tell the starter, over the descriptor it left us, that we serve, or why not; then close it."""
    message = READY if refusal is None else f"{refusal}\n".encode()
    try:
        os.write(descriptor, message)
    except BrokenPipeError:
        return  # the starter gave up waiting; that is its business
    finally:
        os.close(descriptor)


def _spawn(home: Home, limit_seconds: float) -> None:
    import subprocess  # noqa: PLC0415  # 10 ms that only the starter of a daemon pays

    read_end, write_end = os.pipe()
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        with _open_private(home, home.log) as log:
            log.seek(0, os.SEEK_END)
            process = subprocess.Popen(  # noqa: S603  # our own program, no shell
                [
                    *(sys.executable, "-m", "warmline", "--home", str(home.path)),
                    *("serve", "--background", "--announce", str(write_end)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[write_end],
                cwd="/",
                env=environment,
                start_new_session=True,
            )
    finally:
        os.close(write_end)
    try:
        said = _read_line(read_end, limit_seconds)
    finally:
        os.close(read_end)
    process.returncode = 0  # it outlives us on purpose: init reaps it, and nobody warns
    if said != READY:
        reason = said.decode(errors="replace").strip() or f"it ended without a word: see {home.log}"
        raise DaemonError(f"the daemon did not start: {reason}")


def _read_line(descriptor: int, limit_seconds: float) -> bytes:
    deadline = time.monotonic() + limit_seconds
    said = b""
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise DaemonError(f"the daemon did not answer within {limit_seconds:.0f} s of its start")
        piece = os.read(descriptor, 4096)
        if not piece:
            break
        said += piece
    return said


def _is_free(home: Home, settings: DaemonSettings) -> bool:
    """Tell whether nobody owns the home; False when its daemon listens.

    One that owns it without listening is just starting or leaving, and is waited for.
    """
    deadline = time.monotonic() + settings.start_limit.total_seconds()
    while not _answers(home):
        owner = owner_of(home)
        if owner is None or not _lives(owner.pid, PAUSE_SECONDS):
            return True
        if time.monotonic() > deadline:
            stuck = f"the daemon (pid {owner.pid}) neither serves nor leaves: end it with kill -9"
            raise DaemonError(_who(owner, home) if owner.work else stuck)
    return False


def _answers(home: Home) -> bool:
    try:
        connect(home, timeout_seconds=5).close()
    except OSError:
        return False
    return True


def _lives(pid: int, limit_seconds: float) -> bool:
    """Wait for the end of a process, at most this long; tell whether it still lives."""
    try:
        if sys.platform != "linux":
            time.sleep(limit_seconds)
            os.kill(pid, 0)
            return True
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        ended, _, _ = select.select([watched], [], [], limit_seconds)
        return not ended
    finally:
        os.close(watched)


def _lock_within(file: IO[str], limit_seconds: float) -> None:
    """Take the lock, looking again and again: to wait for it in the kernel would need an alarm to end that."""
    deadline = time.monotonic() + limit_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise DaemonError(f"{file.name} stayed locked for {limit_seconds:.0f} s") from error
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _open_private(home: Home, path: Path) -> IO[str]:
    with home.usable():
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="utf-8")


def _write(file: IO[str], text: str) -> None:
    """Replace what the file holds, past its buffer: what a full disk refused would fail again when it closes."""
    os.ftruncate(file.fileno(), 0)
    os.pwrite(file.fileno(), text.encode(), 0)


def _read_owner(file: IO[str]) -> Owner | None:
    """Read who holds the lock, or None: one that is just starting has not written yet, a leaving one has cleared it."""
    file.seek(0)
    try:
        said = json.loads(file.read())
        return Owner(int(said["pid"]), str(said["started_at"]), str(said["version"]), str(said.get("work", "")))
    except (ValueError, KeyError, TypeError):
        return None


def _who(owner: Owner, home: Home) -> str:
    if owner.work:
        return f"{owner.work} {home.path} goes on (pid {owner.pid}): try again when it is done"
    daemon = f"a daemon (pid {owner.pid}, started {owner.started_at}) owns {home.path}"
    return f"{daemon}: use it, or stop it with `warmline stop`"
