"""Input that is none: a clear refusal as a problem document, never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from speaking import Reply, Speaker
from warmline.interfaces.problem_responses import OPENAI_PATHS

SOME_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

NASTY: dict[str, Any] = {
    "a NUL": "a\0b",
    "only a NUL": "\0",
    "a lone surrogate": "half \ud800 a character",
    "an escape": "\x1b[2J",
    "a right-to-left override": "\u202etxt",
    "nothing": "",
    "space": " \n\t\u2003 ",
    "another line": "\u2028\u0085\x1c",
    "a long one": "x" * 100_000,
    "dots": "../../etc/passwd",
    "a slash": "a/b",
    "a quote": "'; drop table message; --",
    "a format": "%s%n{0}${x}",
    "a number": 7,
    "a big number": 2**63,
    "a bigger one": 10**400,
    "a negative one": -1,
    "a fraction": 0.5,
    "no number": float("nan"),
    "infinity": float("inf"),
    "true": True,
    "null": None,
    "a list": [],
    "a list of lists": [[["x"]]],
    "an object": {"a": 1},
    "a key of half a character": {"\udfff": "\0"},
    "an early time": "0001-01-01T00:00:00+14:00",
    "a late time": "9999-12-31T23:59:59-14:00",
    "a time of nowhere": "2026-02-30T25:61:61Z",
    "a time without a zone": "2099-01-01T00:00:00",
}

PROBLEM = ("application/problem+json", "ProblemView")
OPENAI = ("application/json", "RefusalView")
"""How a refusal is written, and at the paths that programs of OpenAI's kind use."""

Operation = tuple[str, str, dict[str, Any]]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Give each operation of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def schema_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that the operation's body can have."""
    content = operation.get("requestBody", {}).get("content", {})
    return dict(_properties(document, content["application/json"]["schema"])) if content else {}


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for each in schema.get("anyOf", []):
        yield from _properties(document, each)
    yield from schema.get("properties", {}).items()


GOOD: dict[str, Any] = {
    "question": "which?",
    "body": "hello",
    "to": "memory",
    "broadcast": True,
    "between": ["a", "b"],
    "name": "agent",
    "status": "busy",
    "ordered": False,
    "answered_by": "anyone",
    "lease_seconds": 10,
    "reason": "no",
    "my_role": "a",
    "partner_role": "b",
    "conversation_id": "default",
    "session_id": "a",
    "token": "wl_x",
    "message": "hello",
}


def is_refused_well(reply: Reply) -> bool:
    """Tell whether it was either taken or refused, with what a person understands, and without an echo of escapes."""
    if reply.status < 400:
        return True
    kind, said = reply.headers["Content-Type"], reply.json
    assert kind == ("application/json" if "error" in said else "application/problem+json")
    detail = said["error"]["message"] if "error" in said else said["detail"]
    assert detail.isprintable(), said
    return 400 <= reply.status < 500


@pytest.mark.parametrize("nasty", NASTY)
def test_no_value_in_any_field_is_a_500(owner: Speaker, nasty: str) -> None:
    document = owner.ok("GET", "/openapi.json")
    for method, template, operation in operations(document):
        path = template.replace("{message_id}", SOME_ID).replace("{question_id}", SOME_ID)
        path = path.replace("{", "").replace("}", "")
        fields = schema_of(document, operation)
        for field in fields:
            if field == "wait":
                continue  # one that is taken takes its time: there is a test of its own
            body = {name: GOOD[name] for name in fields if name in GOOD and name != "broadcast"} | {field: NASTY[nasty]}
            if field in {"paths", "between", "rights"}:
                body[field] = [NASTY[nasty]]
            reply = owner.call(method, path, body)
            assert is_refused_well(reply), (method, path, field, reply.status, reply.body)


@pytest.mark.parametrize("nasty", NASTY)
def test_no_body_as_a_whole_is_a_500(owner: Speaker, nasty: str) -> None:
    document = owner.ok("GET", "/openapi.json")
    for method, template, operation in operations(document):
        if "requestBody" in operation:
            reply = owner.call(method, template.replace("{", "").replace("}", ""), [NASTY[nasty]])
            assert reply.status in {400, 413, 422}, (method, template, reply.status, reply.body)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"question": "\xed\xa0\x80"}',
        b"nul",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"limit": ' + b"9" * 10_000 + b"}",
        b'{"question": "a", "question": {"b": 1}}',
        b'{"question": "a\\u0000b"}',
        b'{"question": "\\ud800"}',
    ],
)
def test_what_is_no_json_is_refused(owner: Speaker, raw: bytes) -> None:
    for path in ("/v1/questions", "/v1/messages", "/v1/mailboxes/receive", "/v1/credentials", "/v1/conversations"):
        reply = owner.call("POST", path, raw=raw)
        assert is_refused_well(reply)
        assert reply.status in {400, 422}, (path, reply.status, reply.body)


@pytest.mark.parametrize(
    "text",
    ["%00", "a%00b", "%ED%A0%80", "%FF", "%2e%2e%2f", "9" * 25, "-1", "%E2%80%AE", "x" * 5000],
)
def test_no_path_is_a_500(owner: Speaker, text: str) -> None:
    document = owner.ok("GET", "/openapi.json")
    for method, template, _ in operations(document):
        if "{" in template and "roots" not in template:
            path = "/".join(text if part.startswith("{") else part for part in template.split("/"))
            reply = owner.call(method, path)
            assert is_refused_well(reply), (method, path, reply.status, reply.body)
            assert reply.status >= 400


@pytest.mark.parametrize(
    "query",
    [
        *(f"after={number}" for number in (-1, 2**53, 2**63 - 1, 2**63, 10**30, "x", "%00", "1e3", "NaN")),
        *(f"limit={number}" for number in (0, -1, 1001, 2**63, "x", "")),
    ],
)
def test_a_number_out_of_bounds_is_422(owner: Speaker, query: str) -> None:
    assert owner.call("GET", f"/v1/conversations/default/messages?{query}").status == 422


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "1e999", "3601", "x"])
def test_a_wait_out_of_bounds_is_422(owner: Speaker, wait: str) -> None:
    assert owner.call("GET", f"/v1/questions/{SOME_ID}?wait={wait}").status == 422


@pytest.mark.parametrize("wait", [-1, "1", True, 3601, None, float("nan"), float("inf"), 10**400])
def test_a_wait_for_messages_out_of_bounds_is_422(owner: Speaker, wait: object) -> None:
    assert owner.call("POST", "/v1/mailboxes/receive", {"wait": wait}).status in {400, 422}


@pytest.mark.parametrize("key", ["x" * 201, "a\tb", "\u00e9"])
def test_a_key_that_is_none_is_400(owner: Speaker, key: str) -> None:
    for path, body in (("questions", {"question": "?!"}), ("messages", {"to": "owner", "body": "?!"})):
        assert owner.call("POST", f"/v1/{path}", body, Idempotency_Key=key).status == 400


def test_an_empty_question_is_refused_as_the_document_says(owner: Speaker) -> None:
    document = owner.ok("GET", "/openapi.json")
    asked = document["components"]["schemas"]["Asked"]["properties"]["question"]
    assert asked["pattern"].count(r"[^\s\x00]") == 1
    assert asked["minLength"] == 1
    for empty in ("", " \n "):
        reply = owner.call("POST", "/v1/questions", {"question": empty})
        assert (reply.status, "is empty" in reply.json["detail"]) == (400, True)


def test_a_body_over_the_limit_is_413(owner: Speaker) -> None:
    assert owner.call("POST", "/v1/questions", {"question": "x" * (1024 * 1024 + 1)}).status == 413
    assert owner.call("POST", "/v1/messages", {"to": "owner", "body": "x" * (9 * 1024 * 1024)}).status == 413


def test_every_problem_is_declared_with_its_model(owner: Speaker) -> None:
    document = owner.ok("GET", "/openapi.json")
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                kind, view = OPENAI if path.startswith(OPENAI_PATHS) else PROBLEM
                content = response["content"]
                assert list(content) == [kind], (method, path, status)
                assert content[kind]["schema"]["$ref"].endswith(f"/{view}")
        wanted = set() if path == "/healthz" else {"400", "401", "503"}
        assert wanted <= operation["responses"].keys(), (method, path)


def test_every_operation_but_the_health_names_its_credential(owner: Speaker) -> None:
    document = owner.ok("GET", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    open_ones = {path for method, path, operation in operations(document) if not operation.get("security")}
    in_body = {f"/v1/legacy/{verb}" for verb in ("send_to_partner", "check_messages", "update_my_status")}
    assert open_ones == {"/healthz", "/v1/legacy/check_partner_status", *in_body}


def test_another_method_is_405_and_hears_which_there_are(owner: Speaker) -> None:
    document = owner.ok("GET", "/openapi.json")
    for path, methods in document["paths"].items():
        concrete = path.replace("{message_id}", SOME_ID).replace("{question_id}", SOME_ID)
        reply = owner.call("PATCH", concrete.replace("{", "").replace("}", ""))
        assert reply.status == 405, path
        assert is_refused_well(reply)
        assert reply.headers["Allow"].split(", ") == sorted(method.upper() for method in methods), path


def test_an_unknown_path_is_a_problem(owner: Speaker) -> None:
    reply = owner.call("GET", "/v1/nowhere")
    assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("name", ["\x1b[2J", "a\0b", "\ud800", "x" * 100_000, "\u202e"])
def test_an_unknown_field_is_422_and_its_name_is_shown_safely(owner: Speaker, name: str) -> None:
    reply = owner.call("POST", "/v1/questions", {"question": "why?", name: 1})
    assert is_refused_well(reply)
    assert reply.status == 422
    assert len(reply.body) < 1000


SEARCH = ("GET", "/v1/memory/search?")
ASK = ("POST", "/v1/questions")


@pytest.mark.parametrize(
    ("operation", "sent", "told"),
    [
        (SEARCH, "q=", "query.q is empty: write something"),
        (SEARCH, "q=%00", "query.q holds a NUL byte: leave it out"),
        (SEARCH, f"q={'x' * 4097}", "query.q has more than 4096 characters: shorten it"),
        (SEARCH, "", "query.q is missing: add it"),
        (SEARCH, "q=port&top=many", "query.top is no whole number: write one"),
        (SEARCH, "q=port&top=0", "query.top is below 1: write that or more"),
        (SEARCH, "q=port&top=1001", "query.top is above 1000: write that or less"),
        (ASK, {}, "body.question is missing: add it"),
        (ASK, {"question": 7}, "body.question is no text: write it in quotes"),
        (ASK, {"question": "why?", "sender": "a"}, "body.sender is not known here: leave it out"),
        (ASK, {"question": "why?", "deadline_at": "soon"}, "body.deadline_at: a time is written as 2026-11-21T12:00"),
        (ASK, [], "body is no object: write {...}"),
        (("POST", "/v1/memory/roots"), {"paths": []}, "body.paths is empty: write something"),
        (("POST", "/v1/memory/roots"), {"paths": "/"}, "body.paths is no list: write [...]"),
        (
            ("GET", "/v1/questions?"),
            "state=asleep",
            "query.state.0 is none of what it may be: write 'ready', 'leased', ",
        ),
        (
            ("POST", "/v1/messages"),
            {"body": "x", "to": "docs", "kind": "shout"},
            "kind is none of what it may be: write 'note' or",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 80 else "",
)
def test_what_is_wrong_with_the_form_is_said_in_words_that_tell_what_to_do(
    owner: Speaker, operation: tuple[str, str], sent: Any, told: str
) -> None:
    method, path = operation
    reply = owner.call(method, path + sent) if method == "GET" else owner.call(method, path, sent)
    assert is_refused_well(reply)
    assert (reply.status, reply.json["title"]) == (422, "Unprocessable Content")
    assert told in reply.json["detail"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"question": ' + b"9" * 5000 + b"}", b'{"question": "\xff"}'])
def test_a_body_that_cannot_be_read_is_refused_with_what_to_send(owner: Speaker, body: bytes) -> None:
    reply = owner.call("POST", "/v1/questions", raw=body)
    assert (reply.status, reply.json["detail"][:36]) == (400, "the body is no JSON that can be read")
