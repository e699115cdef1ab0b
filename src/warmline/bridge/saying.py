"""What a speaker says, as it will be kept: checked as it came, its secrets masked, and checked again."""

from __future__ import annotations

from collections.abc import Mapping

from warmline.bridge import rules
from warmline.bridge.parts import Parts
from warmline.model import Answer
from warmline.security.masking import Masking


class Saying:
    """The texts of one call. Nothing of them is kept raw, and no digest either; limits hold before and after.

    A mask may be longer than what it stands for: what is then too long is refused, too. Each raises
    InvalidInputError as the rules do.
    """

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings
        self._masking = Masking(parts.redact)

    @property
    def redacted(self) -> tuple[str, ...]:
        """The kinds of secrets that were masked in all that was said, each once."""
        return self._masking.kinds

    async def body(self, body: str, noun: str) -> str:
        """Return a question, message or answer as it is kept. noun names it."""
        rules.check_body(body, noun, self._settings)
        masked = await self._masking.text(body)
        if masked is not body:
            rules.check_body(masked, _masked(noun), self._settings)
        return masked

    async def reason(self, reason: str) -> str:
        """Return the reason for refusing a note as it is kept."""
        rules.check_reason(reason, self._settings)
        masked = await self._masking.text(reason)
        rules.check_reason(masked, self._settings)
        return masked

    async def status(self, status: str) -> str:
        """Return what a participant says about itself as it is kept."""
        rules.check_status(status, self._settings)
        masked = await self._masking.text(status)
        rules.check_status(masked, self._settings)
        return masked

    async def metadata(self, metadata: Mapping[str, object] | None) -> str | None:
        """Return metadata as the JSON text that is kept; None for none."""
        written = rules.written_metadata(metadata, self._settings)
        if metadata is None or written is None:
            return None
        return rules.written_metadata(await self._masking.members(metadata), self._settings)

    async def answer(self, answer: Answer) -> Answer:
        """Return an answer, whose citations were checked, as it is kept."""
        masked = await self._masking.answer(answer)
        rules.check_body(masked.text, _masked("answer"), self._settings)
        return masked


def _masked(noun: str) -> str:
    return f"{noun} with its secrets masked"
