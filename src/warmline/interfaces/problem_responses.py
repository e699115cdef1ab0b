"""Problem documents as responses: RFC 9457, and what the programs of OpenAI's kind look for at their own paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

from warmline.errors import RateLimitedError, TooManyRequestsError, UnauthorizedError, WarmlineError
from warmline.interfaces.views.problems import ProblemView, RefusalView, RefusedView, problem

OPENAI_CODES = {
    "UnauthorizedError": "invalid_api_key",
    "UnknownMailboxError": "model_not_found",
    "UnknownAgentError": "model_not_found",
    "RateLimitedError": "rate_limit_exceeded",
}
"""What their programs know by a name of its own; other errors keep ours."""

NO_TYPE = "about:blank"
"""Of a problem that its status says it all (RFC 9457, 4.2.1)."""

OPENAI_PATHS = ("/v1/chat/", "/v1/models")


def problem_response(error: WarmlineError, path: str) -> JSONResponse:
    """Answer with an error's problem document, and with what HTTP wants said beside it."""
    headers: dict[str, str] = {}
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, TooManyRequestsError):
        headers["Connection"] = "close"
    return shown(problem(error), path, headers)


def shown(view: ProblemView, path: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Answer with a problem document."""
    if not path.startswith(OPENAI_PATHS):
        return JSONResponse(view.model_dump(), view.status, headers, media_type="application/problem+json")
    kind = "invalid_request_error" if view.status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    name = view.type.rpartition(":")[2]
    code = None if view.type == NO_TYPE else OPENAI_CODES.get(name, name)
    param = "model" if code == "model_not_found" else None
    refused = RefusedView(message=view.detail, type=kind, param=param, code=code)
    return JSONResponse(RefusalView(error=refused).model_dump(), view.status, headers)
