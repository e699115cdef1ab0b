"""kill -9 between commit and reply: the asker's retry with the same key gets the same question."""

from __future__ import annotations

import json
import os
import signal

from real_home import RealHome, wait_until_gone
from warmline import daemon


def test_a_retry_with_the_same_key_finds_the_question_whose_reply_was_lost(real_home: RealHome) -> None:
    real_home.run("questions")
    pid = real_home.pid()
    connection = daemon.connect(real_home.home, timeout_seconds=30)
    body = json.dumps({"question": "was this kept?"}).encode()
    token = real_home.home.read_token()
    request = (
        f"POST /v1/questions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: lost-reply\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(request.encode() + body)
    counted = real_home.client()
    while counted.call("GET", "/v1/questions/count")["count"] == 0:
        pass  # the commit is there; its reply lies unread in the socket
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
    connection.close()
    client = real_home.client()
    again = client.call("POST", "/v1/questions", {"question": "was this kept?"}, key="lost-reply")
    assert client.call("GET", "/v1/questions/count")["count"] == 1
    assert client.call("GET", f"/v1/questions/{again['id']}?wait=30", wait_seconds=30)["state"] == "settled"
