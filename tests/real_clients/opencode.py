"""opencode, which speaks 2025-11-25."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from real_clients.running import PROMPT, TOKEN_VARIABLE, Errand, installed, run

QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
}


def configured(model: str) -> dict[str, object]:
    """Return a configuration that names this model, and no server yet."""
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{model}/v1", "apiKey": "opens-nothing"},
        "models": {"scripted": {"tool_call": True}},
    }
    return {
        "autoupdate": False,
        "share": "disabled",
        "model": "scripted/scripted",
        "provider": {"scripted": provider},
    }


@dataclass(frozen=True)
class OpenCode:
    """The program."""

    name: str = "opencode"

    def run(self, errand: Errand) -> subprocess.CompletedProcess[str]:
        door = errand.door
        authorization = {"Authorization": f"Bearer {{env:{TOKEN_VARIABLE}}}"}
        server: dict[str, object] = {"type": "remote", "url": door.url, "headers": authorization, "oauth": False}
        if door.command:
            server = {"type": "local", "command": list(door.command)}
        configuration = {**configured(errand.model), "mcp": {"warmline": server}}
        (errand.folder / "opencode.json").write_text(json.dumps(configuration), "utf-8")
        return run((str(self.program()), "run", PROMPT), errand.folder, {**QUIET, TOKEN_VARIABLE: door.token})

    def program(self) -> Path:
        return installed("opencode", "opencode-*", "bin", "opencode")
