"""Errors as problem documents (RFC 9457), and which HTTP status each has."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel

from warmline import errors
from warmline.security.redaction import redact

MAX_SHOWN_CHARACTERS = 100

MAX_READ_CHARACTERS = 4096
"""Of a name that the request made up, which a secret may begin in: what is cut off later would not look like one."""


class ProblemView(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str


class RefusedView(BaseModel):
    """What a program of OpenAI's kind looks for."""

    message: str
    type: str
    param: str | None
    code: str | None


class RefusalView(BaseModel):
    """An error, as OpenAI's API has it."""

    error: RefusedView


STATUS: tuple[tuple[type[errors.WarmlineError], HTTPStatus], ...] = (
    (errors.BodyTooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (errors.InvalidInputError, HTTPStatus.BAD_REQUEST),
    (errors.UnauthorizedError, HTTPStatus.UNAUTHORIZED),
    (errors.ForbiddenError, HTTPStatus.FORBIDDEN),
    (errors.MisdirectedError, HTTPStatus.MISDIRECTED_REQUEST),
    (errors.RateLimitedError, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.NotFoundError, HTTPStatus.NOT_FOUND),
    (errors.ConflictError, HTTPStatus.CONFLICT),
    (errors.DaemonError, HTTPStatus.CONFLICT),
    (errors.StoreFullError, HTTPStatus.INSUFFICIENT_STORAGE),
    (errors.StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The first entry that matches counts."""


def shown_name(part: object) -> str:
    """Show a name that the request made up, safely and not at length."""
    return ascii(redact(str(part)[:MAX_READ_CHARACTERS]).text[:MAX_SHOWN_CHARACTERS])[1:-1]


def problem(error: errors.WarmlineError) -> ProblemView:
    """Turn an error into its problem document; its type is a URN that ends in the error's class name.

    A name or a path that the text repeats is shown with a secret in it masked.
    """
    status = next((status for kind, status in STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return ProblemView(
        type=f"urn:warmline:{type(error).__name__}",
        title=status.phrase,
        status=status.value,
        detail=redact(str(error)).text,
    )
