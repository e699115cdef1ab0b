"""What a dialect is: how a request is read, and how a call of a tool, or words, are written in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool that is to be called, by the name that the server gave it, and with what, given what came before."""

    tool: str
    arguments: Mapping[str, object] | Callable[[Sequence[str]], Mapping[str, object]]

    def after(self, results: Sequence[str]) -> Mapping[str, object]:
        """Return with what it is called, after these results."""
        return self.arguments(results) if callable(self.arguments) else self.arguments


@dataclass(frozen=True)
class Heard:
    """What a model hears: what a tool returned, or else the words of a person, or of a program in one's place."""

    text: str
    is_result: bool = False


@dataclass(frozen=True)
class Asked:
    """What of a request matters here: the tools that it offers, and all that the model heard, in that order."""

    tools: tuple[str, ...]
    heard: tuple[Heard, ...]

    @property
    def results(self) -> tuple[str, ...]:
        """What came of the tools that were called before."""
        return tuple(each.text for each in self.heard if each.is_result)

    def offered(self, tool: str) -> str | None:
        """Return the name under which the client offers a tool of the server's; None when it does not."""
        return next((name for name in self.tools if name == tool or name.endswith(f"_{tool}")), None)


class Dialect(Protocol):
    """Reads requests, and writes replies as (content type, body)."""

    def read(self, path: str, body: Json) -> Asked: ...

    def call(self, number: int, name: str, given: Mapping[str, object], asked: Json) -> tuple[str, bytes]: ...

    def say(self, number: int, text: str, asked: Json) -> tuple[str, bytes]: ...


def events(*values: Json, named: bool = False) -> tuple[str, bytes]:
    """Write server-sent events; named: each with its type as its name."""
    lines = [f"event: {each['type']}\n" if named else "" for each in values]
    texts = [f"{line}data: {json.dumps(each)}\n\n" for line, each in zip(lines, values, strict=True)]
    return "text/event-stream", "".join(texts).encode()


def text_of(content: object) -> str:
    """Return the text in a content that is a string, or a list of parts that may hold text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
