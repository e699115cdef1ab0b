"""Attack a real daemon over TCP while good clients go on asking: `make test-doors`.

Prints what they wait before and during each attack, the daemon's processor time, memory and descriptors, and the
machine's load. Exits with 1 when the p99 of any during an attack is more than five times that just before, when memory
or descriptors do not come back, or when the log holds a traceback or is flooded. The first attack is on a program that
only closes what it accepts, while the daemon serves the good ones: what the attackers' use of this machine costs alone.
Names of attacks may be given; `--seconds N` for each (20; fuzz 60).
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attacks import attacks
from warmline import daemon
from warmline.home import Home

HERE = Path(__file__).parent
CALM_SECONDS = 10
PERIOD_SECONDS = 0.02
MAX_RATIO = 5
MAX_GROWN_BYTES = 8 * 2**20
MAX_LOG_LINES = 50
SETTLE_SECONDS = 60
FUZZ_SECONDS = 60

Times = dict[str, list[float]]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, home: Home) -> None:
        super().__init__("localhost", timeout=30)
        self._home = home

    def connect(self) -> None:
        self.sock = daemon.connect(self._home, 30)


class Good:
    """Clients with a credential, each asking again and again at an even pace."""

    def __init__(self, home: Home, address: tuple[str, int]) -> None:
        self._headers = {"Authorization": f"Bearer {home.read_token()}"}
        self._kinds: dict[str, tuple[Callable[[], http.client.HTTPConnection], bool]] = {
            "TCP, kept": (lambda: http.client.HTTPConnection(*address, timeout=30), True),
            "TCP, new": (lambda: http.client.HTTPConnection(*address, timeout=30), False),
            "Unix, kept": (lambda: UnixConnection(home), True),
            "Unix, new": (lambda: UnixConnection(home), False),
        }
        self.failures: list[str] = []

    @contextmanager
    def asking(self) -> Iterator[Times]:
        times: Times = {kind: [] for kind in self._kinds}
        end = threading.Event()
        asking = [threading.Thread(target=self._ask, args=(kind, times[kind], end)) for kind in self._kinds]
        for each in asking:
            each.start()
        try:
            yield times
        finally:
            end.set()
            for each in asking:
                each.join()

    def _ask(self, kind: str, times: list[float], end: threading.Event) -> None:
        connect, is_kept = self._kinds[kind]
        connection = connect()
        while not end.wait(PERIOD_SECONDS):
            began = time.perf_counter()
            try:
                connection.request("GET", "/v1/mailboxes", headers=self._headers)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failures.append(f"{kind}: {response.status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{kind}: {error!r}")
                connection.close()
            times.append((time.perf_counter() - began) * 1000)
            if not is_kept:
                connection.close()
        connection.close()


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def show(name: str, times: Times, said: str = "") -> None:
    waits = "  ".join(f"{kind} {quantile(of, 0.5):.2f}/{quantile(of, 0.99):.2f}" for kind, of in times.items())
    print(f"{name:<13} {waits}  {said}; load {os.getloadavg()[0]:.1f}", flush=True)


class Daemon:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.log = folder / "log"
        with self.log.open("w") as log:
            program = [sys.executable, "-m", "warmline", "--home", str(self.home.path), "serve", "--port", "0"]
            self.process = subprocess.Popen(program, stderr=log)
        self.address = self._address()

    def _address(self) -> tuple[str, int]:
        while "address=" not in (said := self.log.read_text()):
            time.sleep(0.05)
        host, _, port = said.partition("address=")[2].split()[0].rpartition(":")
        return host, int(port)

    def rss(self) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


def prove(folder: Path, names: list[str], seconds: float) -> list[str]:
    """Return what is wrong."""
    served = Daemon(folder)
    try:
        good = Good(served.home, served.address)
        with good.asking():
            time.sleep(3)
        print("p50/p99 in ms of good clients, 50 requests a second each")
        rss, descriptors, wrong = served.rss(), served.descriptors(), []
        measure_bare(served, good, seconds)
        for name in names or attacks(served.address, ""):
            wrong += attack(served, good, name, FUZZ_SECONDS if name == "fuzz" else seconds, descriptors)
        wrong += aftermath(served, good, rss, descriptors)
        return wrong + [f"{len(good.failures)} good requests failed: {good.failures[:3]}"] * bool(good.failures)
    finally:
        served.process.terminate()
        served.process.wait()


def measure_bare(served: Daemon, good: Good, seconds: float) -> None:
    program = [sys.executable, str(HERE / "attacks.py"), "bare"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as bare:
        assert bare.stdout is not None
        port = int(bare.stdout.readline())
        before = calm(good)
        with good.asking() as during:
            said = run_attack(served, "half-open", port, seconds)
        show("not attacked", during, f"{said} to another program")
        compare("", before, during)
        bare.terminate()


def attack(served: Daemon, good: Good, name: str, seconds: float, descriptors: int) -> list[str]:
    settle(lambda: served.descriptors() <= descriptors)
    cpu = served.cpu()
    before = calm(good)
    quiet, cpu = (served.cpu() - cpu) / CALM_SECONDS, served.cpu()
    with good.asking() as during:
        said = run_attack(served, name, served.address[1], seconds)
        rss, descriptors = served.rss(), served.descriptors()
    used = (served.cpu() - cpu) / seconds - quiet
    show(name, during, f"{said}; {used:.0%} of a core more, RSS {rss / 2**20:.1f} MB, {descriptors} descriptors")
    return compare(name, before, during)


def run_attack(served: Daemon, name: str, port: int, seconds: float) -> str:
    program = [sys.executable, str(HERE / "attacks.py"), name, served.address[0], str(port), str(seconds)]
    done = subprocess.run([*program, served.home.read_token()], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def calm(good: Good) -> Times:
    with good.asking() as times:
        time.sleep(CALM_SECONDS)
    show("  before", times)
    return times


def compare(name: str, before: Times, during: Times) -> list[str]:
    """Show how many times longer the good ones wait; return what is wrong."""
    ratios = {kind: quantile(during[kind], 0.99) / quantile(before[kind], 0.99) for kind in before}
    print("  p99 grew     " + "  ".join(f"{kind} {ratio:.1f}-fold" for kind, ratio in ratios.items()), flush=True)
    return [f"{name}: p99 of {kind} grew {ratio:.1f}-fold" for kind, ratio in ratios.items() if ratio > MAX_RATIO]


def settle(is_settled: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline and not is_settled():
        time.sleep(1)


def aftermath(served: Daemon, good: Good, rss: int, descriptors: int) -> list[str]:
    settle(lambda: served.descriptors() <= descriptors and served.rss() <= rss + MAX_GROWN_BYTES)
    with good.asking() as after:
        time.sleep(CALM_SECONDS)
    grown, left = served.rss() - rss, served.descriptors() - descriptors
    show("after", after, f"RSS {served.rss() / 2**20:.1f} MB, {served.descriptors()} descriptors")
    log = served.log.read_text().splitlines()
    wrong = []
    if grown > MAX_GROWN_BYTES:
        wrong.append(f"the daemon grew by {grown / 2**20:.1f} MB")
    if left > 0:
        wrong.append(f"{left} descriptors are left")
    if len(log) > MAX_LOG_LINES or any("Traceback" in line for line in log):
        wrong.append(f"the log has {len(log)} lines: {log[:5]}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="warmline-doors-") as folder:
        wrong = prove(Path(folder), options.names, options.seconds)
    for each in wrong:
        print(f"WRONG  {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
