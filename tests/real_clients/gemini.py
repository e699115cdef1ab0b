"""gemini, which speaks 2025-06-18."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from real_clients.running import PROMPT, TOKEN_VARIABLE, Errand, installed, run


@dataclass(frozen=True)
class Gemini:
    """The program, on the node that is fetched beside it."""

    name: str = "gemini"

    def run(self, errand: Errand) -> subprocess.CompletedProcess[str]:
        door = errand.door
        authorization = {"Authorization": f"Bearer ${TOKEN_VARIABLE}"}
        server: dict[str, object] = {"httpUrl": door.url, "headers": authorization, "trust": True}
        if door.command:
            server = {"command": door.command[0], "args": list(door.command[1:]), "trust": True}
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
            "mcpServers": {"warmline": server},
        }
        file = errand.folder / ".gemini" / "settings.json"
        file.parent.mkdir()
        file.write_text(json.dumps(settings), "utf-8")
        node = installed("node", "node-*", "bin", "node")
        command = (str(node), str(self.program()), "--skip-trust", "--model", "gemini-2.5-flash", "--prompt", PROMPT)
        environment = {"GEMINI_API_KEY": "opens-nothing", "GOOGLE_GEMINI_BASE_URL": errand.model}
        return run(command, errand.folder, {**environment, TOKEN_VARIABLE: door.token})

    def program(self) -> Path:
        return installed("gemini", "@google", "gemini-cli", "bundle", "gemini.js")
