"""OpenAI Responses, as codex speaks it. Tools of a server may stand in a namespace, which a call names beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from scripted_model.dialect import Asked, Heard, Json, events, text_of

USAGE = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}


class Responses:
    """The dialect."""

    def read(self, path: str, body: Json) -> Asked:
        return Asked(tuple(_joined(each) for each in _tools(body)), tuple(_heard(body)))

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]:
        namespace, bare = next(each for each in _tools(asked) if _joined(each) == name)
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": bare,
            "arguments": json.dumps(dict(given)),
        }
        return _written(number, {**item, "namespace": namespace} if namespace else item)

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        return _written(number, {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": content})


def _heard(body: Json) -> Iterator[Heard]:
    for item in body.get("input", []):
        if str(item["type"]).endswith("call_output"):
            yield Heard(text_of(item["output"]), is_result=True)
        elif item.get("role") == "user":
            yield Heard(text_of(item["content"]))


def _tools(body: Json) -> Iterator[tuple[str, str]]:
    """Yield each tool's namespace, which may be empty, and its name."""
    for tool in body.get("tools", []):
        inner = tool.get("tools") if tool.get("type") == "namespace" else None
        if inner is None:
            yield "", str(tool.get("name", tool["type"]))
        else:
            yield from ((str(tool["name"]), str(each["name"])) for each in inner)


def _joined(place: tuple[str, str]) -> str:
    return "__".join(filter(None, place))


def _written(number: int, item: Json) -> tuple[str, bytes]:
    response: Json = {"id": f"resp_{number}", "object": "response", "status": "in_progress", "output": []}
    done = {**response, "status": "completed", "output": [item], "usage": USAGE}
    return events(
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
        named=True,
    )
