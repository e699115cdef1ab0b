"""Gemini's generateContent, as gemini speaks it. What a tool returned is JSON in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripted_model.dialect import Asked, Json, events

USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}


class Gemini:
    """The dialect. Whether a reply is streamed stands in the path."""

    def read(self, path: str, body: Json) -> Asked:
        tools = [each["name"] for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
        parts = [part for content in body["contents"] for part in content.get("parts", [])]
        return Asked(tuple(tools), tuple(_text(part) for part in parts if "functionResponse" in part))

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]:
        return _written({"functionCall": {"name": name, "args": dict(given)}})

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]:
        return _written({"text": text})


def _text(part: Json) -> str:
    response: Any = part["functionResponse"]["response"]
    return str(response.get("output", response)) if isinstance(response, dict) else str(response)


def _written(part: Json) -> tuple[str, bytes]:
    content = {"role": "model", "parts": [part]}
    candidate = {"index": 0, "content": content, "finishReason": "STOP"}
    return events({"candidates": [candidate], "usageMetadata": USAGE})
