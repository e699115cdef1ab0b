"""What schemathesis may not do to the machine that it runs on: index more than a folder of its own."""

from __future__ import annotations

import os
from typing import Any

import schemathesis


def before_call(context: Any, case: Any, kwargs: Any) -> None:  # its types are its own
    """Turn every folder that there is into ours, and keep the daemon alive."""
    if not isinstance(case.body, dict):
        return
    paths = case.body.get("paths")
    if case.path == "/v1/memory/roots" and isinstance(paths, list):
        case.body["paths"] = [_ours(path) for path in paths]
    if case.path == "/v1/messages" and case.body.get("body") == "shutdown":
        case.body["body"] = "stay"


def _ours(path: object) -> object:
    try:
        is_there = isinstance(path, str) and path.startswith("/") and os.path.exists(path)  # noqa: PTH110  # any text
    except ValueError:
        is_there = False
    return os.environ["API_MEMORY"] if is_there else path


schemathesis.hook(before_call)
