"""Masking of what is said in several texts, such as metadata and answers: which kinds were met in all of it.

It is handed how a text is redacted, and keeps nothing of what it masked.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from warmline.model import Answer, Citation
from warmline.security.redaction import Redacted

Redact = Callable[[str], Awaitable[Redacted]]
"""Masks the secrets of one text, as `redaction.redact_aside` does."""


class Masking:
    """Masks the texts of one thing that is said."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._kinds: dict[str, None] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of all that was masked so far, in the order of their first, each once."""
        return tuple(self._kinds)

    async def text(self, text: str) -> str:
        """Mask one text."""
        return self._noted(await self._redact(text)).text

    async def answer(self, answer: Answer) -> Answer:
        """Mask an answer's texts, and what its citations quote: those say so. They were checked before."""
        citations = tuple([await self._citation(citation) for citation in answer.citations])
        instead = None if answer.in_place_of is None else await self.text(answer.in_place_of)
        text = await self.text(answer.text)
        if (text, citations, instead) == (answer.text, answer.citations, answer.in_place_of):
            return answer
        return replace(answer, text=text, citations=citations, in_place_of=instead)

    async def members(self, members: Mapping[str, object]) -> dict[str, object]:
        """Mask a JSON object: each name, each text, and what only its name makes a secret, such as a password.

        Nothing is lost: of two names that are the same once masked, the second gets a number. It goes as deep as
        the object, whose depth the caller bounds.
        """
        masked: dict[str, object] = {}
        for name, value in members.items():
            shown = _free_name(await self.text(name), masked)
            masked[shown] = await self._member(shown, value)
        return masked

    async def _member(self, name: str, value: object) -> object:
        masked = await self._value(value)
        if masked is None or isinstance(masked, dict | list | bool):
            return masked
        beside_its_name = self._noted(await self._redact(json.dumps({name: masked}, ensure_ascii=False)))
        return f"[redacted {beside_its_name.kinds[0]}]" if beside_its_name.kinds else masked

    async def _value(self, value: object) -> object:
        if isinstance(value, str):
            return await self.text(value)
        if isinstance(value, Mapping):
            return await self.members(value)
        if isinstance(value, list | tuple):
            return [await self._value(each) for each in value]
        return value

    async def _citation(self, citation: Citation) -> Citation:
        path, quote = await self.text(citation.path), await self.text(citation.quote)
        if (path, quote) == (citation.path, citation.quote):
            return citation
        return replace(citation, path=path, quote=quote, file_digest="", span_digest="", redacted=True)

    def _noted(self, redacted: Redacted) -> Redacted:
        self._kinds.update(dict.fromkeys(redacted.kinds))
        return redacted


def _free_name(wanted: str, taken: Mapping[str, object]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name
