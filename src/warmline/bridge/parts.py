"""What the parts of the bridge are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warmline.bridge.addresses import Addresses
from warmline.bridge.hearings import Hearings
from warmline.bridge.waits import Waits
from warmline.directory import Directory
from warmline.protocols import Clock, Shown, Store, Verifier
from warmline.security.masking import Redact
from warmline.settings import BridgeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The seams below the bridge, and who waits on it and listens. agents names who has a mailbox beside `memory`.

    shown says by which path the memory shows a file, within a scope.
    """

    store: Store
    directory: Directory
    verifier: Verifier
    shown: Shown
    clock: Clock
    settings: BridgeSettings
    addresses: Addresses
    waits: Waits
    hearings: Hearings
    redact: Redact
    agents: Callable[[], Sequence[str]]
