"""What the doors let in over TCP and over the Unix socket, and with what words they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from over_tcp import Peer, peer_of, read_all
from real_home import RealHome
from speaking import Speaker


@pytest.fixture(scope="module")
def peer(line: RealHome) -> Peer:
    return peer_of(line)


def test_over_tcp_nothing_but_the_health_answers_without_a_credential(peer: Peer, owner: Speaker) -> None:
    document = owner.ok("GET", "/openapi.json")
    paths = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    assert len(paths) > 30
    for method, path in [
        *paths,
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"),
        ("OPTIONS", "/v1/status"),
        ("GET", "//"),
    ]:
        concrete = path.replace("{", "").replace("}", "")
        expected = 200 if path == "/healthz" else 401
        assert peer.status(peer.request("Content-Length: 0", method=method, path=concrete)) == expected, (method, path)


def test_a_credential_is_let_in_over_tcp(peer: Peer) -> None:
    assert peer.status(peer.request(peer.known(), path="/v1/mailboxes")) == 200


def test_a_credential_behind_the_body_is_none(peer: Peer) -> None:
    head = peer.request("Transfer-Encoding: chunked", method="POST", path="/v1/status")
    assert peer.status(head + f"1\r\n{{\r\n0\r\n{peer.known()}\r\n\r\n".encode()) == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "169.254.169.254"])
def test_a_request_for_another_host_is_421_with_advice(peer: Peer, host: str) -> None:
    said = peer.say(peer.request(peer.known(), host=host))
    assert said.startswith(b"HTTP/1.1 421 ")
    assert b"warmline status" in said


def test_localhost_by_name_is_ours(peer: Peer) -> None:
    assert peer.status(peer.request(host=f"localhost:{peer.port}")) == 200


def test_no_host_is_400(peer: Peer) -> None:
    assert peer.status(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n") == 400


def test_a_web_page_of_another_origin_is_403_over_tcp(peer: Peer) -> None:
    assert peer.status(peer.request(peer.known(), "Origin: https://evil.example")) == 403
    assert peer.status(peer.request(peer.known(), f"Origin: http://{peer.host}:{peer.port}")) == 200


def test_any_origin_is_403_over_the_unix_socket(owner: Speaker) -> None:
    assert owner.call("GET", "/healthz", Origin="http://localhost").status == 403


def test_two_credentials_at_once_are_400(peer: Peer) -> None:
    assert peer.status(peer.request(peer.known(), peer.known(), path="/v1/mailboxes")) == 400


@pytest.mark.parametrize(
    "place",
    ["/v1/mailboxes?token=x", "/v1/mailboxes?API_KEY=x", "/v1/{}", "/v1/{}/x", "/v1/mailboxes?x={}", "/%77l_{}"],
)
def test_a_token_in_a_url_is_refused_and_to_be_revoked(peer: Peer, place: str) -> None:
    mark = "A" * 43 if "%77" in place else "wl_" + "A" * 43
    for header in (peer.known(), "X-No: credential"):
        said = peer.say(peer.request(header, path=place.format(mark)))
        assert said.startswith(b"HTTP/1.1 400 ")
        assert b"revoke it" in said
        assert mark.encode() not in said


def test_the_owners_token_in_a_url_is_refused_and_a_digest_is_not(owner: Speaker) -> None:
    assert owner.call("GET", f"/v1/memory/search?q={owner.token}").status == 400
    assert owner.call("GET", f"/v1/memory/search?q={'a' * 64}").status == 200


def lasting(request: bytes) -> bytes:
    """Return a request after which the connection stays."""
    return request.replace(b"Connection: close", b"X: y")


def legacy(peer: Peer, body: bytes) -> bytes:
    length = f"Content-Length: {len(body)}"
    json_type = "Content-Type: application/json"
    return peer.request(length, json_type, method="POST", path="/v1/legacy/check_messages") + body


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'{"token": 7}', b'{"token": "wrong"}', b"\xff"])
def test_the_old_bridges_verbs_want_a_token_in_the_body_before_anything_else(peer: Peer, body: bytes) -> None:
    assert peer.status(legacy(peer, body)) == 401


def test_the_old_bridges_token_in_the_body_lets_in(peer: Peer, owner: Speaker) -> None:
    made = owner.ok("POST", "/v1/legacy/create_conversation", {"my_role": "lead", "partner_role": "docs"})
    said = {"conversation_id": made["conversation_id"], "session_id": "a", "token": made["session_a_token"]}
    assert peer.status(legacy(peer, json.dumps(said).encode())) == 200


REFUSED_HEADS: dict[str, tuple[bytes, int]] = {
    "nothing of HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a websocket": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
    "an upgrade to HTTP/2": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
    "a tunnel": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 400),
    "an absolute target": (b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a fragment": (b"GET /healthz#token HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
    "a long URL": (b"GET /" + b"x" * 61_500 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a long header": (b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000, 431),
    "a long name": (b"GET / HTTP/1.1\r\n" + b"x" * 1_000_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
    "endless headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000, 431),
}


@pytest.mark.parametrize("name", REFUSED_HEADS)
def test_a_head_that_is_none_gets_one_refusal_that_says_so_and_the_connection_ends(peer: Peer, name: str) -> None:
    raw, status = REFUSED_HEADS[name]
    head, _, body = peer.say(raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"connection: close" in head
    said: dict[str, Any] = json.loads(body)
    assert said["status"] == status


def test_a_few_requests_sent_ahead_are_answered_in_turn(peer: Peer) -> None:
    ahead = lasting(peer.request()) * 4
    assert peer.say(ahead + peer.request()).count(b"HTTP/1.1 200") == 5


def test_many_requests_sent_ahead_end_the_connection(peer: Peer) -> None:
    assert peer.say(lasting(peer.request()) * 5000).count(b"HTTP/1.1 200") < 10


def test_garbage_in_the_middle_of_an_answer_is_no_part_of_it(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(lasting(peer.request(peer.known(), path="/v1/conversations/default/events")))
        said = connection.recv(100)
        connection.sendall(b"\0garbage\r\n\r\n")
        said += read_all(connection)
    assert said.count(b"HTTP/1.1") == 1


def test_a_refused_body_is_taken_in_so_that_the_refusal_is_read(peer: Peer) -> None:
    raw = peer.request(f"Content-Length: {9 * 2**20}", method="POST", path="/v1/messages") + b"x" * (9 * 2**20)
    assert peer.status(raw) == 401


def test_wrong_tokens_do_not_keep_a_good_one_of_the_same_address_waiting(line: RealHome, peer: Peer) -> None:
    connections = []
    for _ in range(40):
        connection = peer.connect()
        connection.sendall(peer.request("Authorization: Bearer wrong", path="/v1/mailboxes"))
        connections.append(connection)
    assert peer.status(peer.request(peer.known(), path="/v1/mailboxes")) == 200
    for connection in connections:
        with connection:
            assert connection.recv(12) == b"HTTP/1.1 401"


def test_more_wrong_tokens_than_are_held_back_are_told_to_come_later(line: RealHome) -> None:
    peer = peer_of(line, "127.0.0.9")
    connections = [peer.connect() for _ in range(100)]
    for connection in connections:
        connection.sendall(peer.request("Authorization: Bearer wrong", path="/v1/mailboxes"))
    said = [connection.recv(12) for connection in connections]
    for connection in connections:
        connection.close()
    assert set(said) == {b"HTTP/1.1 401", b"HTTP/1.1 429"}
