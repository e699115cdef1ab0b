"""Who speaks on one connection: by the token that was shown last on it, or as a guest. No I/O."""

from __future__ import annotations

from typing import NamedTuple

from warmline.errors import WarmlineError
from warmline.listen.messages import Asked, Ping, Pong, Problem, Request
from warmline.listen.problems import problem_of
from warmline.listen.seam import Desk
from warmline.model import CredentialId
from warmline.parties import Credential

NO_TOKEN = Problem("unauthorized", "show a credential of this line: a `token` in any line says who speaks from then on")


class Admitted(NamedTuple):
    """A request for the desk, and who speaks."""

    asked: Asked
    by: Credential


class Speaker:
    """Admits the requests of one connection. wrong_tokens counts those that were shown on it."""

    def __init__(self, desk: Desk, *, needs_token: bool) -> None:
        self._desk = desk
        self._needs_token = needs_token
        self._token: str | None = None
        self._shut_out: dict[CredentialId, Problem] = {}
        self.wrong_tokens = 0

    def admit(self, request: Request) -> Admitted | Pong | Problem:
        """Find out who speaks; asked anew for each line, since a credential may be revoked between two."""
        shown = self._token if request.token is None else request.token
        if shown is None and self._needs_token:
            return NO_TOKEN
        try:
            by = self._desk.admit(shown)
        except WarmlineError as error:
            self.wrong_tokens += request.token is not None
            return problem_of(error)
        self._token = shown
        return Pong(request.data) if isinstance(request, Ping) else Admitted(request, by)

    def refusal(self, what: Admitted) -> Problem | None:
        """Tell whether who asked may hear the reply no more: its credential may have been revoked meanwhile."""
        problem = self._shut_out.get(what.by.id)
        if problem is None:
            try:
                self._desk.check(what.by)
            except WarmlineError as error:
                problem = self._shut_out[what.by.id] = problem_of(error)
        return problem
