"""Which secrets a file holds, and where, shown masked: what `warmline redact --test` and `make scan-secrets` print."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import accumulate

from warmline.security.redaction import Finding, find_secrets, mask, masked

PREVIEW_CHARACTERS = 40
"""Of the line before the mask, and as many after it."""

LOOKED_AT_FOR_NUL = 8000
"""git's own measure for a file that is no text."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A secret in a file: the line on which it begins, from 1, and that line's piece around it, masked."""

    file: str
    line: int
    kind: str
    preview: str

    def as_json(self) -> dict[str, object]:
        """Return the sighting for a program."""
        return asdict(self)


def is_binary(content: bytes) -> bool:
    """Tell by a NUL near the beginning, as git does."""
    return b"\0" in content[:LOOKED_AT_FOR_NUL]


def sightings(file: str, content: bytes) -> list[Sighting]:
    """Return what looks like a secret in the file, in order. What is no UTF-8 is looked through all the same."""
    text = content.decode("utf-8", "replace")
    findings = find_secrets(text)
    shown = masked(text, findings)
    return [
        Sighting(file, text.count("\n", 0, finding.start) + 1, finding.kind, _preview(shown, at, finding.kind))
        for finding, at in zip(findings, _places(findings), strict=True)
    ]


def _places(findings: list[Finding]) -> list[int]:
    """Return where each mask begins in the masked text."""
    grown = accumulate(len(mask(each.kind)) - (each.end - each.start) for each in findings)
    return [finding.start + shift for finding, shift in zip(findings, [0, *grown], strict=False)]


def _preview(shown: str, at: int, kind: str) -> str:
    end = at + len(mask(kind))
    before = shown[max(0, at - PREVIEW_CHARACTERS) : at].rpartition("\n")[2]
    after = shown[end : end + PREVIEW_CHARACTERS].partition("\n")[0]
    return f"{before}{mask(kind)}{after}".strip()
