"""Programs that speak OpenAI's API, PyPI `openai` and `llm`: plain, streamed, in conversation, and with a wrong key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
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


@pytest.fixture
def client(line: ClientsLine) -> Iterator[openai.OpenAI]:
    with openai_client(line, line.door("http").token) as client:
        yield client


def openai_client(line: ClientsLine, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{line.port}/v1", api_key=key, max_retries=0)


def test_openai_lists_the_models(client: openai.OpenAI) -> None:
    assert "warmline" in {model.id for model in client.models.list()}


def test_openai_is_answered_with_sources_at_the_end_and_usage(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="warmline", messages=[{"role": "user", "content": PORT}])
    said = done.choices[0].message.content
    assert said is not None
    assert "port 9187" in said.partition("Sources:")[0]
    assert SOURCE in said.partition("Sources:")[2]
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.total_tokens > 0


def test_openai_streams_the_same_and_the_usage_last(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="warmline",
            messages=[{"role": "user", "content": PORT}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "port 9187" in said
    assert SOURCE in said
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"


def test_openai_is_answered_in_a_conversation(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(
        model="warmline",
        messages=[
            {"role": "user", "content": "What is the exporter?"},
            {"role": "assistant", "content": "A program."},
            {"role": "user", "content": "On which port does it listen?"},
        ],
    )
    assert "port 9187" in (done.choices[0].message.content or "")


def test_a_wrong_key_is_an_authentication_error_of_openais(line: ClientsLine) -> None:
    with openai_client(line, "wl_wrong") as client, pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="warmline", messages=[{"role": "user", "content": PORT}])
    assert refused.value.status_code == 401
    assert refused.value.type == "invalid_request_error"


def test_a_model_that_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": PORT}])


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
