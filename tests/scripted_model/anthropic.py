"""Anthropic Messages, as Claude Code speaks it; the simulated model's own forms read and write it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from scripted_model.dialect import Asked, Json
from warmline.simulation.messages import read_request
from warmline.simulation.playback import Reply, ToolUse, Words

SEARCH = "ToolSearch"
"""Newer programs show the model tools by name only, until it looks for one by this."""

USAGE = {"input_tokens": 10, "output_tokens": 10}


class Anthropic:
    """The dialect."""

    def read(self, path: str, body: Json) -> Asked:
        request = read_request(json.dumps(body).encode())
        searches = {
            (block.model_extra or {}).get("id")
            for turn in request.messages
            for block in turn.content
            if block.type == "tool_use" and (block.model_extra or {}).get("name") == SEARCH
        }
        results = [
            block.words()
            for turn in request.messages
            for block in turn.content
            if block.type == "tool_result" and (block.model_extra or {}).get("tool_use_id") not in searches
        ]
        return Asked(tuple(tool.name for tool in request.tools), tuple(results))

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]:
        use = ToolUse(f"toolu_{number:024d}", name, given)
        return self._written(Reply(number, asked["model"], use, "tool_use", USAGE, 0.0, 0.0), asked)

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]:
        return self._written(Reply(number, asked["model"], Words(text), "end_turn", USAGE, 0.0, 0.0), asked)

    def _written(self, reply: Reply, asked: Json) -> tuple[str, bytes]:
        playback = reply.streamed() if asked.get("stream") else reply.whole()
        return playback.headers["content-type"], b"".join(piece.data for piece in playback.pieces)
