"""VS Code reads what `warmline connect vscode` wrote, starts it, and shows the line's tools and the memory."""

from __future__ import annotations

import re

import pytest

from connecting_home import ConnectingHome
from real_clients.line import ClientsLine
from real_clients.vscode import VSCode


@pytest.fixture(autouse=True)
def vscode() -> VSCode:
    """The program, looked for before a line is started."""
    return VSCode.installed()


@pytest.mark.parametrize("words", ["--scope user", "--scope project", "--scope project --http"])
def test_vscode_starts_what_connect_wrote_lists_the_tools_and_reads_the_memory(
    vscode: VSCode, line: ClientsLine, words: str
) -> None:
    connecting = ConnectingHome(line.home, line.folder)
    assert connecting.told("vscode", "--yes", *words.split())[0]["outcome"] == "connected"
    token = {"WARMLINE_VSCODE_TOKEN": connecting.token("vscode").read_text("ascii")} if "--http" in words else {}
    trusting = "project" in words
    seen = vscode.look(connecting.person, connecting.project, token, resource="notes/exporter.md", trusting=trusting)
    assert ("defined in your workspace files" in seen.asked) == trusting
    assert re.search(r"Discovered [1-9]\d* tools", seen.output)
    assert not [each for each in ("[warning]", "[error]") if each in seen.output], seen.output
    assert {"ask", "recall", "send_message"} <= {each.partition(",")[0] for each in seen.tools}
    assert "The exporter listens on port 9187." in seen.resource
