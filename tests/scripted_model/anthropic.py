"""Anthropic Messages, as Claude Code speaks it; the simulated model's own forms write it."""

from __future__ import annotations

from collections.abc import Mapping

from scripted_model.dialect import Asked, Heard, Json, text_of
from warmline.simulation.playback import Reply, ToolUse, Words

SEARCH = "ToolSearch"
"""Newer programs show the model tools by name only, until it looks for one by this."""

USAGE = {"input_tokens": 10, "output_tokens": 10}


class Anthropic:
    """The dialect. Programs add fields of their own: only what matters is read."""

    def read(self, path: str, body: Json) -> Asked:
        blocks = [(turn["role"], block) for turn in body["messages"] for block in _blocks(turn["content"])]
        searches = {block["id"] for _, block in blocks if block.get("name") == SEARCH}
        heard = [_heard(block) for role, block in blocks if role == "user" and block.get("tool_use_id") not in searches]
        return Asked(tuple(tool["name"] for tool in body.get("tools", [])), tuple(heard))

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]:
        use = ToolUse(f"toolu_{number:024d}", name, given)
        return self._written(Reply(number, asked["model"], use, "tool_use", USAGE, 0.0, 0.0), asked)

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]:
        return self._written(Reply(number, asked["model"], Words(text), "end_turn", USAGE, 0.0, 0.0), asked)

    def _written(self, reply: Reply, asked: Json) -> tuple[str, bytes]:
        playback = reply.streamed() if asked.get("stream") else reply.whole()
        return playback.headers["content-type"], b"".join(piece.data for piece in playback.pieces)


def _blocks(content: str | list[Json]) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _heard(block: Json) -> Heard:
    if block["type"] == "tool_result":
        return Heard(text_of(block.get("content", "")), is_result=True)
    return Heard(str(block.get("text", "")))
