"""With what Claude Code is started: its arguments, and an environment made from nothing.

So nothing of an agent's session around the daemon comes in, such as CLAUDECODE, and nothing of the user's settings,
hooks, memories, skills and servers. It may use no tool, read no file and write none but in its own folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from warmline.agents import AgentPlan
from warmline.errors import AgentError, UnsafeKeyError
from warmline.security.provider_key import read_provider_key

SYSTEM_PROMPT = "You answer questions from texts that you are given."
"""In the place of its own, which is for programming, and of which 8 KB are read with every question."""

_FLAGS = (
    *("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"),
    *("--include-partial-messages", "--strict-mcp-config", "--setting-sources", "", "--no-session-persistence"),
    *("--system-prompt", SYSTEM_PROMPT),
)

QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
}
"""It speaks to its model, and to nobody else."""

_ALWAYS = {
    **QUIET,
    "LANG": "C.UTF-8",
    # Else it reads any file whose name stands after an @ in a question, tools or not, and shows it to the model.
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
    "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS": "1",
    # What it would do when the conversation grows long: sum the memory up.
    "DISABLE_COMPACT": "1",
    # Tries and times are ours. A stall would be asked again without streaming, and hang once more.
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_ENABLE_BYTE_WATCHDOG": "1",
    # The same bytes each time, kept for an hour.
    "ENABLE_PROMPT_CACHING_1H": "1",
    "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    # It is built with Bun, whose memory would grow for thousands of questions by what is garbage and by code that is
    # compiled ever anew. Collected soon, given back at once, compiled early and not a third time, it is level from
    # the hundredth question on, for a third more of a processor's time.
    "BUN_JSC_forceRAMSize": "201326592",
    "BUN_JSC_useFTLJIT": "0",
    "BUN_JSC_thresholdForJITAfterWarmUp": "100",
    "BUN_JSC_thresholdForOptimizeAfterWarmUp": "200",
    "MIMALLOC_PURGE_DELAY": "0",
}

_TRIES = 2
_BETWEEN_TRIES = timedelta(seconds=2)
_LEAST_WAIT = timedelta(seconds=1)
_LEAST_IDLE = timedelta(seconds=10)
"""Of a stream without a byte: it takes no less. The API sends a ping more often than that."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a program is started with. secret is the key in its environment, which nobody is to be shown."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    secret: str = ""


def setting(plan: AgentPlan, private: Path) -> Setting:
    """Work out with what to start the program, and make the folders for it below `private`.

    Raises AgentError when there is no such program, or its key cannot be used.
    """
    if shutil.which(plan.program) is None:
        missing = "cannot be run" if plan.program.exists() else "is not there"
        raise AgentError(f"its program {plan.program} {missing}: install Claude Code, or mend the path of the program")
    secret = _key(plan.key_file) if plan.key_file else ""
    places = {name: private / name for name in ("home", "work", "tmp")}
    try:
        for place in places.values():
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AgentError(f"its folder {private} cannot be made: {error.strerror}") from error
    environment = {
        "PATH": f"{plan.program.parent}:{os.defpath}",
        "HOME": str(plan.user_home or places["home"]),
        "TMPDIR": str(places["tmp"]),
        **_ALWAYS,
        **_times(plan.turn_limit),
        **_provider(plan, secret),
        **plan.environment,
    }
    return Setting(_argv(plan), environment, plan.folder or places["work"], secret)


def _argv(plan: AgentPlan) -> tuple[str, ...]:
    # What a tool wants leave for is asked of us.
    tools = ("--tools", ",".join(plan.tools), *(("--permission-prompt-tool", "stdio") if plan.tools else ()))
    return (str(plan.program), *_FLAGS, *tools, *(("--model", plan.model) if plan.model else ()))


def _times(turn_limit: timedelta) -> dict[str, str]:
    """Let both of its tries end before ours does, so that it can say what was wrong."""
    wait = max((turn_limit - _BETWEEN_TRIES) / _TRIES, _LEAST_WAIT)
    idle = max(wait / 2, _LEAST_IDLE)
    return {"API_TIMEOUT_MS": _ms(wait), "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS": _ms(idle)}


def _ms(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def _provider(plan: AgentPlan, secret: str) -> dict[str, str]:
    # A key that a subscription gave out (`claude setup-token`) has a variable of its own.
    name = "CLAUDE_CODE_OAUTH_TOKEN" if secret.startswith("sk-ant-oat") else "ANTHROPIC_API_KEY"
    key = {name: secret} if secret else {}
    return {**({"ANTHROPIC_BASE_URL": plan.base_url} if plan.base_url else {}), **key}


def _key(file: Path) -> str:
    """Read a key. Raises AgentError when it is not there, open to others, or none."""
    try:
        return read_provider_key(file)
    except UnsafeKeyError as error:
        raise AgentError(f"its key_file {error}") from error
