"""Log lines: one a change of state, readable, or as JSON; never bodies, never keys.

What is written is masked last, whoever logged it: message, arguments, fields and tracebacks.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from warmline.security.redaction import redact

MAX_LOG_BYTES = 2 * 1024 * 1024
KEPT_LOGS = 3

logger = logging.getLogger(__name__)

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logging(form: str, file: Path | None) -> None:
    """Log to standard error, or to a file that is turned over at 2 MB, in the form `text` or `json`.

    What nobody caught is logged, too, in place of what Python would write by itself.
    """
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=MAX_LOG_BYTES, backupCount=KEPT_LOGS, encoding="utf-8"
        )
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # what cannot be formatted would be written as it is
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logger.critical("uncaught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        logger.critical("uncaught in a thread", exc_info=(told.exc_type, told.exc_value, told.exc_traceback))


def _log_unraisable(told: sys.UnraisableHookArgs) -> None:
    if told.exc_value is not None:
        logger.error("lost", exc_info=(told.exc_type, told.exc_value, told.exc_traceback))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _ORDINARY}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    """`time level message  name=value ...`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f"  {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():<7} {record.getMessage()}{fields}"
        whole = f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
        return redact(whole).text


class _Json(logging.Formatter):
    """One JSON object a line, whose texts are masked one by one: a mask must not reach over a quotation mark."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: _masked(value) for name, value in line.items()}, ensure_ascii=False)


def _masked(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else redact(str(value)).text
