"""codex, which speaks 2025-06-18, with no setting about what it may do without asking."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from real_clients.running import PROMPT, TOKEN_VARIABLE, Errand, installed, run

CONFIGURATION = """
model = "scripted"
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "scripted"
base_url = "{model}/v1"
env_key = "MODEL_KEY"
wire_api = "responses"
"""


@dataclass(frozen=True)
class Codex:
    """The program."""

    name: str = "codex"

    def run(self, errand: Errand) -> subprocess.CompletedProcess[str]:
        door = errand.door
        lines: dict[str, object] = {"url": door.url, "bearer_token_env_var": TOKEN_VARIABLE}
        if door.command:
            lines = {"command": door.command[0], "args": door.command[1:]}
        lines["required"] = True  # for others, `codex exec` waits a second at most, and then begins without their tools
        server = "\n[mcp_servers.warmline]\n" + "".join(
            f"{name} = {json.dumps(value)}\n" for name, value in lines.items()
        )
        configuration = errand.folder / ".codex" / "config.toml"
        configuration.parent.mkdir()
        configuration.write_text(CONFIGURATION.format(model=errand.model) + server, "utf-8")
        command = (str(self.program()), "exec", "--skip-git-repo-check", PROMPT)
        return run(command, errand.folder, {"MODEL_KEY": "opens-nothing", TOKEN_VARIABLE: door.token})

    def program(self) -> Path:
        return installed("codex", "@openai", "codex-*", "vendor", "*", "bin", "codex")
