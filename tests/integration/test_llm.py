"""PyPI `llm`, to which the line is a model: plain, streamed, in conversation, and with a wrong key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_clients.line import ClientsLine

PORT = "Which port does the exporter listen on?"
SOURCE = "- notes/exporter.md:3"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientsLine]:
    line = ClientsLine(tmp_path_factory.mktemp("programs"))
    try:
        line.remember("exporter.md", "# The exporter\n\nThe exporter listens on port 9187.\n")
        yield line
    finally:
        line.close()


def llm(line: ClientsLine, *words: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `llm` as a person of their own, to whom the line is a model."""
    person = line.folder / "llm"
    person.mkdir(exist_ok=True)
    (person / "extra-openai-models.yaml").write_text(
        "- model_id: warmline\n  model_name: warmline\n  api_key_name: warmline\n"
        f"  api_base: http://127.0.0.1:{line.port}/v1\n",
        "utf-8",
    )
    program = Path(sys.executable).with_name("llm")
    return subprocess.run(
        [str(program), *words, "-m", "warmline", "--key", key or line.door("http").token],
        env={"HOME": str(person), "LLM_USER_PATH": str(person), "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("way", [(), ("--no-stream",)], ids=["streamed", "plain"])
def test_llm_is_answered(line: ClientsLine, way: tuple[str, ...]) -> None:
    done = llm(line, PORT, *way)
    assert done.returncode == 0, done.stderr
    assert "port 9187" in done.stdout
    assert SOURCE in done.stdout


def test_llm_goes_on_in_a_conversation(line: ClientsLine) -> None:
    assert llm(line, "What is the exporter?").returncode == 0
    done = llm(line, "On which port does it listen?", "--continue")
    assert done.returncode == 0, done.stderr
    assert "port 9187" in done.stdout


def test_a_wrong_key_is_an_error_in_llms_words(line: ClientsLine) -> None:
    done = llm(line, PORT, key="wl_wrong")
    assert done.returncode == 1
    assert "Error code: 401" in done.stderr
