"""Speech: what an answerer says of one hand-over while it writes, masked when somebody listens."""

from __future__ import annotations

from collections.abc import Sequence

from warmline.model import Lease, MessageId
from warmline.protocols import Heard
from warmline.security.masked_stream import MaskedStream


class SpeechOfLease:
    """Satisfies protocols.Speech. Costs next to nothing until somebody listens."""

    __slots__ = ("_heard", "_lease", "_masking", "_raw", "_shown", "is_over")

    def __init__(self, heard: Heard, lease: Lease) -> None:
        self._heard = heard
        self._lease = lease
        self._raw: list[str] = []
        self._shown: list[str] = []
        self._masking: MaskedStream | None = None
        self.is_over = False

    @property
    def question(self) -> MessageId:
        """Which question it answers."""
        return self._lease.message.id

    @property
    def delivery(self) -> int:
        """Which hand-over it is."""
        return self._lease.deliveries

    def hear(self, piece: str) -> None:
        """Take the next piece from the answerer; after the end none is taken."""
        if not self.is_over:
            self._raw.append(piece)
            self._heard(self)

    def since(self, piece: int) -> Sequence[str]:
        """Return what is settled by now."""
        if self._raw:
            self._masking = self._masking or MaskedStream()
            shown = self._masking.more("".join(self._raw))
            self._raw.clear()
            if shown:
                self._shown.append(shown)
        return self._shown[piece:]

    def end(self) -> None:
        """Say that no more comes, if anything came."""
        self.is_over = True
        if self._raw or self._masking:
            self._heard(self)
