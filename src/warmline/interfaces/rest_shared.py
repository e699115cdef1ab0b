"""What HTTP handlers share: who speaks, the running line, forms and ids, waits that end when the client leaves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.exceptions import HTTPException

from warmline.app import Line
from warmline.bridge import rights
from warmline.bridge.bridge import Bridge
from warmline.errors import InvalidInputError
from warmline.ids import parse_message_id
from warmline.interfaces.views.questions import Places
from warmline.model import ConversationId, MessageId
from warmline.parties import Credential, Right
from warmline.settings import BridgeSettings

Result = TypeVar("Result")

LIMITS = BridgeSettings()

CLIENT_GONE = 499
"""Nobody reads this status; it names the case in a log."""

MAX_NUMBER = 2**53 - 1
"""The largest whole number that every reader of JSON keeps as it is."""

MAX_ID_CHARACTERS = 200
"""Of a conversation, a batch or a credential in a path; ours are far shorter, an old bridge's are as they are."""

_TITLES = {
    400: "it has the right form, and cannot be used",
    401: "no credential of this line, or not any more",
    403: "the credential has not this right, or not this scope",
    404: "no such thing, or not for this credential",
    409: "its state does not allow this",
    413: "too large",
    422: "not of this operation's form",
    429: "too many messages: Retry-After says when to try again",
    502: "there will be no answer",
    503: "the store cannot work now, or the daemon is leaving",
    504: "there is no answer yet, and the question goes on",
    507: "the disk has no room",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
    429: {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "seconds"}},
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}}

Responses = dict[int | str, dict[str, Any]]

WRITES = (413, 507)
"""What an operation with a body that is kept can also come to."""


def problems(*statuses: int) -> Responses:
    """Declare the problems that an operation can come to, beside those that each can."""
    declared: Responses = {}
    for status in sorted({400, 401, 422, 503, *statuses}):
        declared[status] = {"description": _TITLES[status], "content": _PROBLEM}
        if status in _HEADERS:
            declared[status]["headers"] = _HEADERS[status]
    return declared


class Form(BaseModel):
    """A request's body. What it does not know, such as a `sender`, is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _time(said: object) -> datetime:
    """Read a time as RFC 3339 writes it: pydantic would take numbers and bare dates, too."""
    if not isinstance(said, str) or not _RFC_3339.fullmatch(said):
        raise ValueError("a time is written as 2026-11-21T12:00:00Z, with a time zone")
    try:
        return datetime.fromisoformat(said.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such time") from error


When = Annotated[datetime, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
"""Aware and in UTC."""


def _number(said: object) -> object:
    """Let numbers through: pydantic would read texts and truth values as numbers, too."""
    if isinstance(said, bool | str | bytes):
        raise ValueError("a number is wanted")  # noqa: TRY004  # pydantic reports this one as the caller's mistake
    return said


NUMBER = BeforeValidator(_number)
"""To stand last: before a bound, it would hide that from the document."""

_bearer = HTTPBearer(auto_error=False, description="a credential's token; the doors look it up")


async def line_of(request: Request) -> Line:
    """Return the line that this application serves."""
    line: Line = request.app.state.line
    return line


async def _bridge_of(request: Request) -> Bridge:
    return (await line_of(request)).bridge


async def _speaker(request: Request, _: Annotated[object, Depends(_bearer)]) -> Credential:
    """Return who speaks, as the doors found; the scheme is here for the document."""
    by: Credential = request.state.by
    return by


async def _check(request: Request) -> Callable[[], object]:
    check: Callable[[], object] = request.state.check
    return check


async def _places(request: Request) -> Places:
    by: Credential = request.state.by
    return Places(partial((await line_of(request)).memory.resolve, within=by.memories))


_ID_PATTERN = r"^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$"
_ID: dict[str, Any] = {"pattern": _ID_PATTERN, "examples": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}

# A pattern that stands in the document only is kept to by the bridge, in words that a person understands (400).
NO_NUL: dict[str, Any] = {"pattern": r"^[^\x00]*$"}
TEXT: dict[str, Any] = {"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$", "minLength": 1}
NAME: dict[str, Any] = {"pattern": r"^[^\s/\x00-\x1f\x7f-\xa0]([^/\x00-\x1f\x7f-\x9f]*[^\s/\x00-\x1f\x7f-\xa0])?$"}
KEY: dict[str, Any] = {"pattern": r"^[!-~]([ -~]*[!-~])?$", "maxLength": LIMITS.max_key_characters, "minLength": 1}


async def _message_id(message_id: Annotated[str, Path(json_schema_extra=_ID)]) -> MessageId:
    return parse_message_id(message_id)


async def _question_id(question_id: Annotated[str, Path(json_schema_extra=_ID)]) -> MessageId:
    return parse_message_id(question_id)


async def _conversation_id(
    conversation_id: Annotated[
        str, Path(max_length=MAX_ID_CHARACTERS, json_schema_extra={"examples": ["conv_0123456789abcdef"]})
    ],
) -> ConversationId:
    return ConversationId(conversation_id)


async def _wait(
    wait: Annotated[
        float, Query(ge=0, le=LIMITS.max_wait.total_seconds(), allow_inf_nan=False, description="seconds, at most")
    ] = 0,
) -> float:
    return wait


AnyLine = Annotated[Line, Depends(line_of)]
AnyBridge = Annotated[Bridge, Depends(_bridge_of)]
AnyPlaces = Annotated[Places, Depends(_places)]
By = Annotated[Credential, Depends(_speaker)]
Check = Annotated[Callable[[], object], Depends(_check)]
"""Raises UnauthorizedError once the speaker's credential is good no more."""


async def _administers(by: By) -> None:
    rights.check(by, Right.ADMINISTER)


ADMINISTERS = Depends(_administers)
"""To depend on where only the owner's work is done."""

MessageIdInPath = Annotated[MessageId, Depends(_message_id)]
QuestionIdInPath = Annotated[MessageId, Depends(_question_id)]
ConversationIdInPath = Annotated[ConversationId, Depends(_conversation_id)]
Wait = Annotated[float, Depends(_wait)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="the same key and content: the same thing", json_schema_extra=KEY),
]

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=MAX_ID_CHARACTERS, description="the id of the last event that was seen"),
]

MAX_PATH_CHARACTERS = 4096
AbsolutePath = Annotated[str, Field(json_schema_extra={"pattern": r"^/[^\x00]*$", "maxLength": MAX_PATH_CHARACTERS})]
"""On the daemon's machine; see `absolute`."""

FileOfMemory = Annotated[str, Field(json_schema_extra={"pattern": r"^[^\x00]+$", "maxLength": MAX_PATH_CHARACTERS})]
"""See `Memory.shown`."""

MessageIdInBody = Annotated[str, Field(json_schema_extra=_ID)]
Name = Annotated[str, Field(min_length=1, max_length=LIMITS.max_name_characters, json_schema_extra=NAME)]
InConversation = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
Body = Annotated[str, Field(description="at most 1 MiB of UTF-8", json_schema_extra=TEXT)]
Metadata = Annotated[dict[str, Any], Field(description="a JSON object of at most 16 KiB, 32 levels deep")]
Since = Annotated[When | None, Query(description="accepted at or after this time")]
ListLimit = Annotated[int, Query(ge=1, le=LIMITS.max_listed)]
Deadline = Annotated[When | None, Field(description="at most 30 days away; the line's own if absent")]


def absolute(text: str) -> FilePath:
    """Read a path. A relative one would be below the folder of the daemon, which is none of the caller's."""
    path = FilePath(text)
    if not path.is_absolute():
        raise InvalidInputError(f"{text!r} is no absolute path: name the whole of it")
    if "\0" in text:
        raise InvalidInputError("a path holds no NUL byte: name a file")
    return path


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Await the work, but end it when the client goes away."""
    scope = asyncio.timeout(None)
    watching = asyncio.create_task(_end_when_gone(request, scope))
    try:
        async with scope:
            return await work
    except TimeoutError:
        if scope.expired():
            raise HTTPException(CLIENT_GONE, "the client went away") from None
        raise
    finally:
        watching.cancel()


async def _end_when_gone(request: Request, scope: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.reschedule(asyncio.get_running_loop().time())
