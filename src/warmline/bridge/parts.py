"""What the parts of the bridge are made of."""

from __future__ import annotations

from dataclasses import dataclass

from warmline.bridge.addresses import Addresses
from warmline.bridge.waits import Waits
from warmline.directory import Directory
from warmline.protocols import Clock, Store, Verifier
from warmline.security.masking import Redact
from warmline.settings import BridgeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The seams below the bridge, and who waits on it."""

    store: Store
    directory: Directory
    verifier: Verifier
    clock: Clock
    settings: BridgeSettings
    addresses: Addresses
    waits: Waits
    redact: Redact
