"""Every limit of the line in one place: its unit is in its type or name, its reason beside it.

Settings are values: made once by the composition root and handed down, never read from a module.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from warmline.settings.agents import AgentSettings, WarmSettings
from warmline.settings.daemon import DaemonSettings, DoorSettings
from warmline.settings.line import (
    AuditSettings,
    BridgeSettings,
    DispatchSettings,
    MemorySettings,
    RetentionSettings,
    StoreSettings,
)
from warmline.settings.listen import ListenSettings
from warmline.settings.wake import WakeSettings

__all__ = [
    "AgentSettings",
    "AuditSettings",
    "BridgeSettings",
    "DaemonSettings",
    "DispatchSettings",
    "DoorSettings",
    "ListenSettings",
    "MemorySettings",
    "RetentionSettings",
    "Settings",
    "StoreSettings",
    "WakeSettings",
    "WarmSettings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them."""

    bridge: BridgeSettings = field(default_factory=BridgeSettings)
    dispatch: DispatchSettings = field(default_factory=DispatchSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    doors: DoorSettings = field(default_factory=DoorSettings)
    listen: ListenSettings = field(default_factory=ListenSettings)
    warm: WarmSettings = field(default_factory=WarmSettings)
    agents: AgentSettings = field(default_factory=AgentSettings)
