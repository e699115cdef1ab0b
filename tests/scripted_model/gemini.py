"""Gemini's generateContent, as gemini speaks it. What a tool returned is JSON in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripted_model.dialect import Asked, Heard, Json, events

USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}


class Gemini:
    """The dialect. Whether a reply is streamed stands in the path."""

    def read(self, path: str, body: Json) -> Asked:
        tools = [each["name"] for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
        parts = [part for turn in body["contents"] if turn["role"] != "model" for part in turn.get("parts", [])]
        return Asked(tuple(tools), tuple(_heard(part) for part in parts))

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]:
        return _written({"functionCall": {"name": name, "args": dict(given)}})

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]:
        return _written({"text": text})


def _heard(part: Json) -> Heard:
    if "functionResponse" not in part:
        return Heard(str(part.get("text", "")))
    response: Any = part["functionResponse"]["response"]
    return Heard(str(response.get("output", response) if isinstance(response, dict) else response), is_result=True)


def _written(part: Json) -> tuple[str, bytes]:
    content = {"role": "model", "parts": [part]}
    candidate = {"index": 0, "content": content, "finishReason": "STOP"}
    return events({"candidates": [candidate], "usageMetadata": USAGE})
