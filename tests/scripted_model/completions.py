"""OpenAI chat completions, as opencode speaks it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from scripted_model.dialect import Asked, Heard, Json, events, text_of

USAGE = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}


class Completions:
    """The dialect."""

    def read(self, path: str, body: Json) -> Asked:
        heard = [
            Heard(text_of(turn["content"]), is_result=turn["role"] == "tool")
            for turn in body["messages"]
            if turn["role"] in ("user", "tool")
        ]
        return Asked(tuple(tool["function"]["name"] for tool in body.get("tools", [])), tuple(heard))

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]:
        function = {"name": name, "arguments": json.dumps(dict(given))}
        made = {"index": 0, "id": f"call_{number}", "type": "function", "function": function}
        return _written(number, {"role": "assistant", "content": None, "tool_calls": [made]}, "tool_calls", asked)

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]:
        return _written(number, {"role": "assistant", "content": text}, "stop", asked)


def _written(number: int, message: Json, reason: str, asked: Json) -> tuple[str, bytes]:
    head = {"id": f"chatcmpl-{number}", "created": 0, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        whole = {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return "application/json", json.dumps(whole).encode()
    chunk = {**head, "object": "chat.completion.chunk"}
    kind, body = events(
        {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {**chunk, "choices": [], "usage": USAGE},
    )
    return kind, body + b"data: [DONE]\n\n"
