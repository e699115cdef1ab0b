"""Chat completions on a real daemon, by OpenAI's own client and by raw requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from leaks import GITHUB
from over_tcp import peer_of
from real_home import RealHome
from speaking import Speaker, until

Begin = Any
QUESTION = "Which port does the exporter listen on?"
QUOTE = "The exporter listens on port 9187."
SOURCES = "\n\nSources:\n- notes/exporter.md:3"


@pytest.fixture(scope="module", autouse=True)
def notes(line: RealHome, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("memory") / "notes"
    folder.mkdir()
    (folder / "exporter.md").write_text(f"# The exporter\n\n{QUOTE}\n", "utf-8")
    assert line.run("memory", "add", str(folder)).returncode == 0


def client_of(line: RealHome, key: str) -> openai.OpenAI:
    peer = peer_of(line)
    return openai.OpenAI(base_url=f"http://{peer.host}:{peer.port}/v1", api_key=key, timeout=20)


@pytest.fixture
def client(line: RealHome) -> Iterator[openai.OpenAI]:
    with client_of(line, line.home.read_token()) as client:
        yield client


def user(content: Any) -> Any:
    return {"role": "user", "content": content}


def complete(speaker: Speaker, **chat: Any) -> Any:
    return speaker.call("POST", "/v1/chat/completions", {"model": "warmline", "messages": [user(QUESTION)], **chat})


def test_the_answer_comes_with_its_sources_and_a_usage(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="warmline", messages=[user(QUESTION)])
    assert done.choices[0].finish_reason == "stop"
    said = done.choices[0].message.content or ""
    assert said.startswith(QUOTE)
    assert SOURCES in said
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_a_header_tells_what_was_masked_in_the_question(owner: Speaker, stream: bool) -> None:
    kinds = [
        complete(owner, messages=[user(f"{QUESTION} {secret}")], stream=stream).headers["X-Warmline-Redacted"]
        for secret in ("", GITHUB)
    ]
    assert kinds == [None, "github-token"]


@pytest.mark.parametrize("with_usage", [False, True])
def test_a_stream_is_the_same_text_and_ends_with_the_usage_when_it_is_wanted(
    client: openai.OpenAI, with_usage: bool
) -> None:
    options: Any = {"include_usage": with_usage}
    stream = client.chat.completions.create(
        model="warmline", messages=[user(QUESTION)], stream=True, stream_options=options
    )
    chunks = list(stream)
    text = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    whole = client.chat.completions.create(model="warmline", messages=[user(QUESTION)])
    assert text == whole.choices[0].message.content
    assert [each.choices[0].finish_reason for each in chunks if each.choices][-1] == "stop"
    assert (chunks[-1].usage is not None, chunks[-1].choices == []) == (with_usage, with_usage)


def test_what_was_asked_before_tells_what_it_is_about(client: openai.OpenAI) -> None:
    turns = [user("Tell me about the exporter's port."), {"role": "assistant", "content": "What of it?"}]
    asked: Any = [{"role": "system", "content": "Be brief."}, *turns, user([{"type": "text", "text": "Which is it?"}])]
    done = client.chat.completions.create(model="warmline", messages=asked)
    assert QUOTE in (done.choices[0].message.content or "")


def test_models_are_the_memory_its_agents_and_the_mailboxes_of_others(
    client: openai.OpenAI, line: RealHome, begin: Begin
) -> None:
    assert [each.id for each in client.models.list()][:2] == ["warmline", "warmline/extractive"]
    assert client.models.retrieve("warmline/extractive").id == "warmline/extractive"
    ann, _ = begin("ann", "bob")
    assert [each["id"] for each in ann.ok("GET", "/v1/models")["data"]] == ["warmline", "warmline/extractive", "bob"]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def test_whom_nobody_answers_for_any_more_is_no_model(owner: Speaker, begin: Begin) -> None:
    def participants(speaker: Speaker) -> list[str]:
        names = [each["id"] for each in speaker.ok("GET", "/v1/models")["data"]]
        return [name for name in names if name in {"gina", "henk", "ida", "bob"}]

    begin("ann", "bob"), begin("ann", "bob")
    gina, _, ida = begin("gina", "henk", "ida")
    assert [participants(each) for each in (gina, owner)] == [["henk", "ida"], ["gina", "henk", "ida"]]
    (henks,) = [each["id"] for each in owner.ok("GET", "/v1/credentials")["credentials"] if each["name"] == "henk"]
    owner.ok("POST", f"/v1/credentials/{henks}/revoke")
    assert [participants(each) for each in (gina, ida, owner)] == [["ida"], ["gina"], ["gina", "ida"]]
    assert gina.call("GET", "/v1/models/henk").status == 404
    refused = complete(gina, model="henk")
    assert (refused.status, refused.json["error"]["code"]) == (404, "model_not_found")
    assert "nobody answers" in refused.json["error"]["message"]


def test_a_mailbox_is_a_model_whose_holder_answers(line: RealHome, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")

    def answer() -> None:
        batch = bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})
        (message,) = batch["messages"]
        bob.ok("POST", f"/v1/batches/{batch['token']}/messages/{message['id']}/reply", {"body": "Forty-two."})

    answering = threading.Thread(target=answer)
    answering.start()
    assert ann.token is not None
    with client_of(line, ann.token) as client:
        done = client.chat.completions.create(model="bob", messages=[user("What is it?")])
    answering.join()
    assert done.choices[0].message.content == "Forty-two."


def test_a_wrong_key_is_a_401_and_an_unknown_model_a_404_in_their_words(line: RealHome) -> None:
    with client_of(line, "sk-wrong") as stranger, pytest.raises(openai.AuthenticationError) as unknown:
        stranger.chat.completions.create(model="warmline", messages=[user(QUESTION)])
    assert (unknown.value.code, unknown.value.type) == ("invalid_api_key", "invalid_request_error")
    with client_of(line, line.home.read_token()) as client:
        for model in ("gpt-4o", "warmline/nobody"):
            with pytest.raises(openai.NotFoundError) as missing:
                client.chat.completions.create(model=model, messages=[user(QUESTION)])
            assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("chat", "status"),
    [
        ({"n": 2}, 422),
        ({"messages": []}, 422),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400),
        ({"messages": [user([{"type": "image_url", "image_url": {"url": "data:"}}])]}, 400),
        ({"messages": [user("")]}, 400),
        ({"messages": [user(None)]}, 400),
        ({"messages": [user(5)]}, 422),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 422),
        ({"messages": [user("x" * 1_100_000)]}, 413),
        ({"model": ""}, 422),
        ({"stream": "perhaps"}, 422),
    ],
)
def test_what_cannot_be_asked_is_refused_in_openais_shape(owner: Speaker, chat: dict[str, Any], status: int) -> None:
    reply = complete(owner, **chat)
    assert reply.status == status
    assert reply.json["error"].keys() == {"message", "type", "param", "code"}
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert reply.json["error"]["code"] == {400: "InvalidInputError", 413: "BodyTooLargeError", 422: None}[status]


def test_what_it_does_not_know_is_let_be(owner: Speaker) -> None:
    more = {"temperature": 0.5, "n": 1, "tools": [], "stream_options": None, "stream": None, "seed": 1}
    assert complete(owner, **more).status == 200
    assert complete(owner, stream=True, stream_options={"include_usage": None}).status == 200


def test_a_question_that_failed_is_a_502_and_is_not_asked_again(line: RealHome, owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    connection = ann.begin("POST", "/v1/chat/completions", {"model": "bob", "messages": [user("?")]})
    batch = bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})
    owner.ok("DELETE", f"/v1/questions/{batch['messages'][0]['id']}")
    response = connection.getresponse()
    assert (response.status, response.headers["X-Should-Retry"]) == (502, "false")
    assert json.loads(response.read())["error"]["type"] == "server_error"
    connection.close()


def test_a_stream_whose_question_failed_ends_with_an_error(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    chat = {"model": "bob", "messages": [user("?")], "stream": True}
    connection = ann.begin("POST", "/v1/chat/completions", chat)
    batch = bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})
    owner.ok("DELETE", f"/v1/questions/{batch['messages'][0]['id']}")
    events = connection.getresponse().read().split(b"\n\n")
    connection.close()
    assert b'"error"' in events[-3]
    assert events[-2] == b"data: [DONE]"


def test_a_stream_whose_key_is_revoked_ends_with_an_error_and_not_like_an_answer(
    line: RealHome, owner: Speaker, begin: Begin
) -> None:
    gone, bob = begin("gone", "bob")
    (mine,) = [each["id"] for each in owner.ok("GET", "/v1/credentials")["credentials"] if each["name"] == "gone"]
    connection = gone.begin("POST", "/v1/chat/completions", {"model": "bob", "messages": [user("?")], "stream": True})
    batch = bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})
    owner.ok("POST", f"/v1/credentials/{mine}/revoke")
    bob.ok("POST", f"/v1/batches/{batch['token']}/messages/{batch['messages'][0]['id']}/reply", {"body": "secret"})
    events = connection.getresponse().read().split(b"\n\n")
    connection.close()
    assert json.loads(events[-2].removeprefix(b"data: "))["error"]["code"] == "invalid_api_key"
    assert b"secret" not in b"".join(events)


def test_a_client_that_leaves_leaves_the_question_on_the_line(owner: Speaker, begin: Begin) -> None:
    ann, bob = begin("ann", "bob")
    for stream in (False, True):
        chat = {"model": "bob", "messages": [user("still wanted?")], "stream": stream}
        connection = ann.begin("POST", "/v1/chat/completions", chat)
        until(lambda: owner.ok("GET", "/v1/status")["waiting"] == 1)
        connection.close()
        until(lambda: owner.ok("GET", "/v1/status")["waiting"] == 0)
        assert bob.ok("POST", "/v1/mailboxes/receive", {"wait": 5})["messages"][0]["body"] == "still wanted?"
