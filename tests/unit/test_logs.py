"""What a log holds of a secret that somebody logged, on whichever way: nothing."""

from __future__ import annotations

import gc
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaks import AWS, GITHUB, MASKED_AWS, MASKED_GITHUB, holds_raw
from warmline.interfaces.cli.logs import set_up_logging

logger = logging.getLogger("test")


@pytest.fixture
def log(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file that is logged to in the form of the test, until its end."""
    root, quiet = logging.getLogger(), logging.getLogger("uvicorn")
    before = (root.handlers[:], root.level, quiet.level, logging.raiseExceptions)
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    root.handlers[:] = []  # pytest's are not closed
    path = tmp_path / "daemon.log"
    set_up_logging(request.param, path)
    yield path
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    quiet.setLevel(before[2])
    logging.raiseExceptions = before[3]
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


both = pytest.mark.parametrize("log", ["text", "json"], indirect=True)


@both
def test_messages_arguments_fields_and_tracebacks_are_masked(log: Path) -> None:
    logger.info("said %s", GITHUB, extra={"reason": ValueError(AWS), "delivery": 3, "nothing": None})
    try:
        int(f"{AWS} is no port\nnor is {GITHUB}")
    except ValueError:
        logger.exception("broke")
    written = log.read_text("utf-8")
    assert not holds_raw(written)
    assert written.count(MASKED_AWS) == written.count(MASKED_GITHUB) == 2
    assert "Traceback" in written


@both
def test_what_nobody_caught_is_logged_masked(log: Path) -> None:
    def breaks() -> None:
        raise ValueError(AWS)

    class Fragile:
        def __del__(self) -> None:
            raise ValueError(GITHUB)

    thread = threading.Thread(target=breaks)
    thread.start()
    thread.join(5)
    Fragile()
    gc.collect()
    error = ValueError(AWS)
    sys.excepthook(ValueError, error, None)
    written = log.read_text("utf-8")
    assert not holds_raw(written)
    assert (written.count(MASKED_AWS), written.count(MASKED_GITHUB)) == (2, 1)


@both
def test_what_cannot_be_formatted_is_not_written_as_it_is(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger.info("said %s %s", AWS)  # noqa: PLE1206  # that is what is tested
    assert not holds_raw(log.read_text("utf-8"))
    assert not holds_raw("".join(capfd.readouterr()))


@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_a_masked_line_of_json_is_json(log: Path) -> None:
    logger.info("said", extra={"reason": f'"{AWS}"', "delivery": 3, "nothing": None, "late": True})
    line = json.loads(log.read_text("utf-8"))
    assert (line["reason"], line["delivery"], line["nothing"], line["late"]) == (f'"{MASKED_AWS}"', 3, None, True)
