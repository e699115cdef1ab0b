"""A model that does what one does who is told that messages wait: fetches them, and marks them as read."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from warmline.simulation.playback import Reply, ToolUse, Words

Json = dict[str, Any]

RECEIVE, SEARCH = "receive_messages", "ToolSearch"
USAGE = {"input_tokens": 10, "output_tokens": 10}
NOTHING_MORE = "nothing more waits"

_WOKEN = re.compile(r"\d+ messages? waits? for you on the warmline line")
_BATCH = re.compile(r"batch: (\S+)")


class WakingModel:
    """What was asked of it: `wakes` holds the texts that woke, each once a turn, `prompts` all bodies."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    @property
    def wakes(self) -> list[str]:
        return list(dict.fromkeys(found[0] for prompt in self.prompts for found in _WOKEN.finditer(prompt)))

    def next(self, number: int, body: bytes) -> Reply:
        self.prompts.append(body.decode())
        asked = json.loads(body)
        call = _call(asked)
        if call is None:
            return Reply(number, asked["model"], Words(NOTHING_MORE), "end_turn", USAGE, 0.0, 0.0)
        return Reply(number, asked["model"], ToolUse(f"toolu_{number:024d}", *call), "tool_use", USAGE, 0.0, 0.0)


def _call(asked: Json) -> tuple[str, Json] | None:
    """Return the tool that is called next, and with what. Programs add fields of their own: only these are read."""
    blocks = [block for turn in asked["messages"] for block in _blocks(turn["content"])]
    woken = [place for place, block in enumerate(blocks) if _WOKEN.search(str(block.get("text")))]
    if not woken:
        return None
    receive = next((tool["name"] for tool in asked.get("tools", []) if tool["name"].endswith(RECEIVE)), None)
    if receive is None:
        return SEARCH, {"query": f"+warmline {RECEIVE}", "max_results": 5}
    since = blocks[woken[-1] :]
    if not any(block.get("name") == receive for block in since):
        return receive, {"wait_seconds": 0}
    last = [json.dumps(block) for block in since if block["type"] == "tool_result"][-1]
    batch = _BATCH.search(last)
    return (receive, {"wait_seconds": 0, "done": batch[1]}) if batch else None


def _blocks(content: str | list[Json]) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


@contextmanager
def waking_model() -> Iterator[tuple[WakingModel, str]]:
    """Serve the model on this machine; yield it with its address."""
    model = WakingModel()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if "count_tokens" in self.path:
                return self._say("application/json", b'{"input_tokens": 10}')
            reply = model.next(len(model.prompts) + 1, body)
            played = reply.streamed() if json.loads(body).get("stream") else reply.whole()
            return self._say(played.headers["content-type"], b"".join(piece.data for piece in played.pieces))

        def _say(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield model, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
