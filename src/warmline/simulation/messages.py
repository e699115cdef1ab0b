"""A request of the Messages dialect, read and rendered: what the model is given, block by block. No I/O.

Fields that this model makes nothing of are accepted when the dialect has them, and refused when it has not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from warmline.simulation.settings import tokens_in

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
"""What the dialect calls the refusals that have a status of their own; all others are api_error."""

Ttl = Literal["5m", "1h"]


class ApiError(Exception):
    """A request is refused with this status, in the dialect's form."""

    def __init__(self, status: int, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> bytes:
        """Return the refusal as it is sent."""
        error = {"type": KINDS.get(self.status, "api_error"), "message": str(self)}
        return json.dumps({"type": "error", "error": error}).encode()


class CacheControl(BaseModel):
    """A breakpoint: the prompt up to here is worth keeping this long."""

    type: Literal["ephemeral"]
    ttl: Ttl = "5m"


class Block(BaseModel):
    """A piece of content: text, or anything else, kept as it came."""

    model_config = ConfigDict(extra="allow")

    type: str
    text: str = ""
    cache_control: CacheControl | None = None

    def rendered(self) -> bytes:
        """Return what the model is given. Where breakpoints stand does not show in it."""
        rest = self.model_dump(exclude={"text", "cache_control"})
        return json.dumps(rest, sort_keys=True).encode() + self.text.encode()

    def words(self) -> str:
        """Return the text in it: its own, or that of a tool's result."""
        if self.type != "tool_result":
            return self.text
        content = (self.model_extra or {}).get("content", "")
        if isinstance(content, str):
            return content
        pieces = content if isinstance(content, list) else []
        return "\n".join(str(piece.get("text", "")) for piece in pieces if isinstance(piece, dict))


class Tool(Block):
    """What the model may call."""

    type: str = "custom"
    name: str

    def parameters(self) -> set[str]:
        """Return the names of what it may be called with."""
        schema = (self.model_extra or {}).get("input_schema")
        properties = schema.get("properties") if isinstance(schema, dict) else None
        return set(properties) if isinstance(properties, dict) else set()


_Form = TypeVar("_Form", bound="Prompt")


def _as_blocks(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class Turn(BaseModel):
    """What one side said."""

    role: Literal["user", "assistant", "system"]
    content: list[Block]

    _text_is_a_block = field_validator("content", mode="before")(_as_blocks)


class Prompt(BaseModel):
    """What is read: all that `count_tokens` wants."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=256)
    messages: list[Turn] = Field(min_length=1)
    system: list[Block] = []
    tools: list[Tool] = []
    cache_control: CacheControl | None = None
    betas: Any = None
    container: Any = None
    context_management: Any = None
    diagnostics: Any = None
    fallbacks: Any = None
    inference_geo: Any = None
    mcp_servers: Any = None
    metadata: Any = None
    output_config: Any = None
    output_format: Any = None
    service_tier: Any = None
    speed: Any = None
    stop_sequences: Any = None
    temperature: Any = None
    thinking: Any = None
    tool_choice: Any = None
    top_k: Any = None
    top_p: Any = None

    _text_is_a_block = field_validator("system", mode="before")(_as_blocks)

    def asking_place(self) -> int:
        """Return where the message stands that is to be answered: the last one but for the program's own remarks."""
        places = [place for place, turn in enumerate(self.messages) if turn.role != "system"]
        return places[-1] if places else len(self.messages) - 1


class Request(Prompt):
    """What is answered."""

    max_tokens: int = Field(ge=1)
    stream: bool = False


def read_prompt(body: bytes) -> Prompt:
    """Raises ApiError with status 400."""
    return _read(Prompt, body)


def read_request(body: bytes) -> Request:
    """Raises ApiError with status 400."""
    return _read(Request, body)


@dataclass(frozen=True, slots=True)
class Boundary:
    """The end of a block of a prompt: what stands before it, and how long to keep it if that was asked for."""

    digest: bytes
    tokens: int
    ttl: Ttl | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as the model is given it: the ends of its blocks, and what stands before the message that asks."""

    boundaries: tuple[Boundary, ...]
    prefix: Boundary

    @property
    def tokens(self) -> int:
        """Of the whole prompt."""
        return self.boundaries[-1].tokens if self.boundaries else 0


def render(prompt: Prompt) -> Rendered:
    """Return the ends of a prompt's blocks: tools, system, messages. The model's name is part of every digest."""
    end = Boundary(blake2b(prompt.model.encode(), digest_size=16).digest(), 0, None)
    boundaries, size, prefix = [], 0, end
    for is_before, block, role in _blocks(prompt):
        piece = role.encode() + b"\n" + block.rendered()
        size += len(piece)
        ttl = block.cache_control.ttl if block.cache_control else None
        end = Boundary(blake2b(end.digest + piece, digest_size=16).digest(), tokens_in(size), ttl)
        boundaries.append(end)
        if is_before:
            prefix = end
    if prompt.cache_control and boundaries:
        boundaries[-1] = Boundary(end.digest, end.tokens, prompt.cache_control.ttl)
    return Rendered(tuple(boundaries), prefix)


def _blocks(prompt: Prompt) -> Iterator[tuple[bool, Block, str]]:
    """Yield each block with whether it stands before the message that asks, and whose it is."""
    yield from ((True, tool, "tool") for tool in prompt.tools)
    yield from ((True, block, "system") for block in prompt.system)
    asking = prompt.asking_place()
    for place, turn in enumerate(prompt.messages):
        for number, block in enumerate(turn.content):
            yield place < asking, block, turn.role if number else f"\n{turn.role}"


def first_error(error: ValidationError) -> str:
    """Return the first thing that is wrong, and where."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _read(form: type[_Form], body: bytes) -> _Form:
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        raise ApiError(400, first_error(error)) from error
