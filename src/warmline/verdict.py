"""From a draft and its checked citations to an answer: pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from warmline.model import Answer, Citation, CitationStatus, Draft, Outcome

TRUE = frozenset({CitationStatus.VERIFIED, CitationStatus.MOVED})
"""The quoted words stand in the lines that the citation now names."""

NOTHING_LEFT = "Nothing that was quoted stands in the files now."


def conclude(draft: Draft, citations: Sequence[Citation], author: str, timings_ms: Mapping[str, float]) -> Answer:
    """Make the answer; author is who signs a draft that names nobody.

    A draft without a text is its true quotes, in order: what did not check out drops out, and when
    nothing is left the evidence is insufficient. A draft with a text of its own keeps all its
    citations, each under the status that the check gave it.
    """
    if draft.text is not None:
        outcome, text, kept = draft.outcome, draft.text, tuple(citations)
    else:
        kept = tuple(citation for citation in citations if citation.status in TRUE)
        text = "\n\n".join(citation.quote for citation in kept) or NOTHING_LEFT
        outcome = draft.outcome if kept else Outcome.INSUFFICIENT_EVIDENCE
    return Answer(
        outcome=outcome,
        text=text,
        author=draft.author or author,
        citations=kept,
        timings_ms=dict(timings_ms),
        usage=dict(draft.usage),
        in_place_of=draft.in_place_of,
    )
