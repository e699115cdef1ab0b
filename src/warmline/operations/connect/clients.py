"""The clients: where each keeps its configuration, and what an entry for an MCP server looks like in it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from warmline.errors import InvalidInputError
from warmline.operations.connect.json_language import JsonLanguage
from warmline.operations.connect.language import Entry, Keys, Language
from warmline.operations.connect.toml_language import TomlLanguage

ENTRY = "warmline"
"""What the server is called in every client."""

Scope = Literal["user", "project"]


@dataclass(frozen=True, slots=True)
class Person:
    """Whose configurations these are: where they live, their environment, and the folder they work in."""

    home: Path
    environment: Mapping[str, str]
    folder: Path
    platform: str = sys.platform

    def folder_of(self, variable: str, *usual: str) -> Path:
        """Return the folder that the environment names, else one below the person's home. Raises InvalidInputError."""
        named = self.environment.get(variable)
        try:
            return Path(named).expanduser().absolute() if named else self.home.joinpath(*usual)
        except RuntimeError as error:
            raise InvalidInputError(f"{variable} names the folder of a user who is not known here") from error


@dataclass(frozen=True, slots=True)
class Http:
    """How a client reaches the daemon over HTTP, and where its token stands: in a file, and who wants in a variable."""

    url: str
    token_file: Path
    variable: str


@dataclass(frozen=True, slots=True)
class Client:
    """One kind of client."""

    name: str
    title: str
    holder: str
    """The object in its configuration that holds the servers."""
    language: Language
    user_files: Callable[[Person], Sequence[Path]]
    """Where its configuration may be; the first that is there counts, and if none is, the last."""
    project_files: Sequence[str]
    stdio: Callable[[Sequence[str]], Entry]
    http: Callable[[Http], Entry]
    signs: Callable[[Person], Sequence[Path]]
    """What is there when it was installed or used."""
    after: Mapping[Scope, str]
    """What a person does then."""
    first: Entry = field(default_factory=dict)
    """With what a new file begins."""
    program: str | None = None
    """By what it is started, where that is not its name."""
    reads_token_file: bool = False
    """Over HTTP; the others want the token in an environment variable."""

    @property
    def keys(self) -> Keys:
        """Where the entry stands."""
        return self.holder, ENTRY

    @property
    def variable(self) -> str:
        """The environment variable that holds the token of this client over HTTP."""
        return f"WARMLINE_{self.name.upper()}_TOKEN"

    def path(self, person: Person, scope: Scope) -> Path:
        """Return the file that the entry belongs in."""
        files = self.user_files(person) if scope == "user" else [person.folder / each for each in self.project_files]
        return next((each for each in files if os.path.lexists(each)), files[-1])

    def is_installed(self, person: Person) -> bool:
        """Tell whether its program is on PATH, or it left something where it keeps what it knows."""
        found = shutil.which(self.program or self.name, path=person.environment.get("PATH", os.defpath))
        return found is not None or any(each.exists() for each in self.signs(person))


def _command_and_args(command: Sequence[str]) -> Entry:
    return {"command": command[0], "args": list(command[1:])}


def _typed_command(command: Sequence[str]) -> Entry:
    return {"type": "stdio", **_command_and_args(command)}


def _bearer(reference: str) -> Entry:
    return {"Authorization": f"Bearer {reference}"}


def _claude_file(person: Person) -> Sequence[Path]:
    return [person.folder_of("CLAUDE_CONFIG_DIR") / ".claude.json"]


def _opencode_folder(person: Person) -> Path:
    return person.folder_of("XDG_CONFIG_HOME", ".config") / "opencode"


def _gemini_folder(person: Person) -> Path:
    return person.folder_of("GEMINI_CLI_HOME") / ".gemini"


def _vscode_folder(person: Person) -> Path:
    if person.platform == "darwin":
        return person.home / "Library" / "Application Support" / "Code"
    return person.folder_of("XDG_CONFIG_HOME", ".config") / "Code"


def _applications(person: Person, name: str) -> Sequence[Path]:
    return [Path("/Applications", name), person.home / "Applications" / name] if person.platform == "darwin" else []


WITH_COMMENTS = JsonLanguage(comments=True)

CLIENTS = {
    each.name: each
    for each in (
        Client(
            name="claude",
            title="Claude Code",
            holder="mcpServers",
            language=JsonLanguage(comments=False),
            user_files=_claude_file,
            project_files=[".mcp.json"],
            stdio=_typed_command,
            http=lambda to: {"type": "http", "url": to.url, "headers": _bearer(f"${{{to.variable}}}")},
            signs=lambda person: [*_claude_file(person), person.folder_of("CLAUDE_CONFIG_DIR", ".claude")],
            after={
                "user": "start `claude` anew; /mcp in it shows the line",
                "project": "start `claude` anew in this folder; it asks once whether it may use .mcp.json",
            },
        ),
        Client(
            name="codex",
            title="Codex",
            holder="mcp_servers",
            language=TomlLanguage(),
            user_files=lambda person: [person.folder_of("CODEX_HOME", ".codex") / "config.toml"],
            project_files=[".codex/config.toml"],
            stdio=_command_and_args,
            http=lambda to: {"url": to.url, "bearer_token_env_var": to.variable},
            signs=lambda person: [person.folder_of("CODEX_HOME", ".codex")],
            after={
                "user": "start `codex` anew; /mcp in it shows the line",
                "project": "start `codex` anew here; it reads .codex only in a folder that you told it to trust",
            },
        ),
        Client(
            name="gemini",
            title="Gemini CLI",
            holder="mcpServers",
            language=WITH_COMMENTS,
            user_files=lambda person: [_gemini_folder(person) / "settings.json"],
            project_files=[".gemini/settings.json"],
            stdio=_command_and_args,
            http=lambda to: {"httpUrl": to.url, "headers": _bearer(f"${to.variable}")},
            signs=lambda person: [_gemini_folder(person)],
            after={
                "user": "start `gemini` anew, in a folder that it trusts; /mcp in it shows the line",
                "project": "start `gemini` anew here; it reads .gemini only in a folder that it trusts",
            },
        ),
        Client(
            name="opencode",
            title="OpenCode",
            holder="mcp",
            language=WITH_COMMENTS,
            user_files=lambda person: [_opencode_folder(person) / f"opencode.json{c}" for c in ("c", "")],
            project_files=["opencode.jsonc", "opencode.json"],
            stdio=lambda command: {"type": "local", "command": list(command), "enabled": True},
            http=lambda to: {
                "type": "remote",
                "url": to.url,
                "headers": _bearer(f"{{file:{to.token_file}}}"),
                "oauth": False,
                "enabled": True,
            },
            signs=lambda person: [_opencode_folder(person), person.home / ".opencode"],
            after={
                "user": "start `opencode` anew; `opencode mcp list` shows the line",
                "project": "start `opencode` anew in this folder; `opencode mcp list` shows the line",
            },
            first={"$schema": "https://opencode.ai/config.json"},
            reads_token_file=True,
        ),
        Client(
            name="cursor",
            title="Cursor",
            holder="mcpServers",
            language=WITH_COMMENTS,
            user_files=lambda person: [person.home / ".cursor" / "mcp.json"],
            project_files=[".cursor/mcp.json"],
            stdio=_typed_command,
            http=lambda to: {"url": to.url, "headers": _bearer(f"${{env:{to.variable}}}")},
            signs=lambda person: [person.home / ".cursor", *_applications(person, "Cursor.app")],
            after={
                "user": "switch `warmline` on among the MCP servers in Cursor's settings",
                "project": "open this folder in Cursor, and switch `warmline` on among the MCP servers in its settings",
            },
        ),
        Client(
            name="vscode",
            title="VS Code",
            holder="servers",
            language=WITH_COMMENTS,
            user_files=lambda person: [_vscode_folder(person) / "User" / "mcp.json"],
            project_files=[".vscode/mcp.json"],
            stdio=_typed_command,
            http=lambda to: {"type": "http", "url": to.url, "headers": _bearer(f"${{env:{to.variable}}}")},
            signs=lambda person: [_vscode_folder(person), *_applications(person, "Visual Studio Code.app")],
            after={
                "user": "run `MCP: List Servers` in VS Code, and start `warmline`",
                "project": "open this folder in VS Code, run `MCP: List Servers`, start `warmline`, trust the folder",
            },
            program="code",
        ),
    )
}
