#!/usr/bin/env python3
"""Does what `claude -p PROMPT` does where a sub-agent reads a file: its turns, its tools, and nothing else."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

MOST_LINES = 100
"""That a Read brings at once."""

TOOLS = [{"name": "Agent"}, {"name": "Read"}]


def converse(prompt: str) -> str:
    """Let the model call tools until it says something, and return that."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    while True:
        said = ask(turns)
        if said["stop_reason"] != "tool_use":
            return str(said["content"][0]["text"])
        use = said["content"][0]
        result = converse(use["input"]["prompt"]) if use["name"] == "Agent" else read(**use["input"])
        back = {"type": "tool_result", "tool_use_id": use["id"], "content": result}
        turns += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [back]}]


def ask(turns: list[dict[str, Any]]) -> Any:
    body = {"model": sys.argv[sys.argv.index("--model") + 1], "max_tokens": 1000, "messages": turns, "tools": TOOLS}
    address = f"{os.environ['ANTHROPIC_BASE_URL']}/v1/messages"
    asked = urllib.request.Request(address, json.dumps(body).encode())  # noqa: S310  # the simulated model
    with urllib.request.urlopen(asked, timeout=30) as heard:  # noqa: S310
        return json.load(heard)


def read(file_path: str, offset: int = 1, limit: int = MOST_LINES) -> str:
    lines = list(enumerate(Path(file_path).read_text("utf-8").splitlines(), 1))
    shown = lines[offset - 1 : offset - 1 + limit]
    told = "\n".join(f"{number}\t{line}" for number, line in shown)
    more = f"Call Read with offset={shown[-1][0] + 1} limit={limit} for the next page.\n\n"
    return told if shown[-1] == lines[-1] else more + told


if __name__ == "__main__":
    if "--version" in sys.argv:
        print("0.0 (a stand-in)")  # noqa: T201
    else:
        print(converse(sys.argv[-1]))  # noqa: T201
