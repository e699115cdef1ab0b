"""Which refusals of requests the audit hears of: those of the doors, and those by rights."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import Scope

from warmline.errors import WarmlineError
from warmline.interfaces.views.problems import problem
from warmline.protocols import UNKNOWN, AuditLog, Refusal

ENTER = "enter"
"""What is refused at the doors: what a request wants is not looked at there, and anybody may write what they like."""

BY_RIGHTS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
AT_THE_DOORS = BY_RIGHTS | {HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST}


def note_refusal(audit: AuditLog, scope: Scope, error: WarmlineError) -> None:
    """Have a refusal audited, if it is one of security: by the operation's method and path, never by the URL."""
    route = scope.get("route")
    if problem(error).status not in (AT_THE_DOORS if route is None else BY_RIGHTS):
        return
    by = scope.get("state", {}).get("by")
    verb = ENTER if route is None else f"{scope['method']} {route.path}"
    audit.refused(Refusal(UNKNOWN if by is None else by.id, verb, type(error).__name__))
