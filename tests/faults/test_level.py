"""Nothing leaks: a daemon holds after many questions what it held before, and leaves without a warning."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from real_home import RealHome

QUESTIONS = 150
MAX_GROWTH_BYTES = 16 * 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: open descriptors are counted in /proc")
def test_descriptors_threads_and_memory_stay_level(
    real_home: RealHome, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    daemon = real_home.serve()
    real_home.run("memory", "add", str(notes))
    client = real_home.client()

    def held() -> tuple[int, int, int]:
        process = Path(f"/proc/{daemon.pid}")
        resident = client.call("GET", "/v1/status")["rss_bytes"]
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())), resident

    def ask(questions: int) -> None:
        for _ in range(questions):
            asked = client.call("POST", "/v1/questions", {"question": "Where does the spare key hang?"})
            client.call("GET", f"/v1/questions/{asked['id']}?wait=30", wait_seconds=30)

    ask(QUESTIONS)
    descriptors, threads, resident = held()
    ask(QUESTIONS)
    for _ in range(3):
        real_home.run("memory", "refresh")
        real_home.run("ask", "--wait", "0", "Who won?")
    after = held()
    assert after[:2] == (descriptors, threads)
    assert after[2] - resident < MAX_GROWTH_BYTES
    daemon.terminate()
    _, logged = daemon.communicate(timeout=30)
    assert (daemon.returncode, b"Warning" in logged, b"Traceback" in logged) == (0, False, False), logged
