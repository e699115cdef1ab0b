"""Errors as they are told on a line, and back: the code of an error is its class's name in words."""

from __future__ import annotations

import re
from functools import cache

from warmline import errors
from warmline.errors import RateLimitedError, UnansweredError, WarmlineError
from warmline.listen.messages import Problem

INTERNAL = Problem("internal", "this is a fault of Warmline's own, which its log tells of: try again")


def code_of(kind: type[WarmlineError]) -> str:
    """Return the code of a class of errors: of UnknownMessageError, `unknown_message`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).lower()


def problem_of(error: WarmlineError) -> Problem:
    """Turn an error into what is told of it. What its text repeats is shown with a secret in it masked."""
    from warmline.security.redaction import redact  # noqa: PLC0415  # a client reads this module, and masks nothing

    return Problem(
        code_of(type(error)),
        redact(str(error)).text,
        error.ticket if isinstance(error, UnansweredError) else None,
        error.retry_after if isinstance(error, RateLimitedError) else None,
    )


def error_of(problem: Problem) -> WarmlineError:
    """Turn what was told back into the error. A code that this version does not know is a WarmlineError."""
    kind = _kinds().get(problem.code, WarmlineError)
    if issubclass(kind, UnansweredError):
        return kind(problem.error, problem.ticket or "")
    if issubclass(kind, RateLimitedError) and problem.retry_after is not None:
        return kind(problem.error, problem.retry_after)
    return kind(problem.error)


@cache
def _kinds() -> dict[str, type[WarmlineError]]:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, WarmlineError)]
    return {code_of(each): each for each in classes}
