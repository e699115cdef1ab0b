"""What is masked of what is said, on every store: the receipt says so, and nothing is kept as it came."""

from __future__ import annotations

import json

import pytest

from bridge_cases import OWNER_TOKEN, PATIENCE, NoMemory, Scene, directory_of, token_of
from leaks import AWS, GITHUB, MASKED_AWS, MASKED_GITHUB, OTHER_AWS, holds_raw
from manual_clock import ManualClock
from warmline.bridge.bridge import open_bridge
from warmline.bridge.credentials import THE_OWNER, Grant
from warmline.errors import (
    BodyTooLargeError,
    IdempotencyConflictError,
    InvalidInputError,
    UnknownMailboxError,
    WarmlineError,
)
from warmline.model import CitationStatus, Claim, Outcome, State
from warmline.security.redaction import Redacted
from warmline.settings import BridgeSettings, StoreSettings
from warmline.stores.memory import MemoryStore

LIMITS = BridgeSettings()


async def test_a_question_is_kept_with_its_secrets_masked_and_its_receipt_says_which_kinds(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    accepted = await scene.bridge.questions.ask(docs, f"is {GITHUB} or {AWS} or {GITHUB} in use?", mailbox="code")
    assert accepted.redacted == ("github-token", "aws-access-key")
    kept = await scene.store.get(accepted.question.message.id)
    assert kept.message.body == f"is {MASKED_GITHUB} or {MASKED_AWS} or {MASKED_GITHUB} in use?"
    assert accepted.question.message == kept.message


async def test_what_holds_no_secret_is_kept_as_it_came(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    metadata = {"password": None, "room": 3, "open": True, "of": ["a", 1.5, {"b": []}]}
    sent = await scene.bridge.messages.send(docs, "code", "the build is red", metadata=metadata)
    assert (sent.redacted, sent.post.message.body) == ((), "the build is red")
    assert json.loads((await scene.take(code)).message.metadata or "") == metadata


@pytest.mark.parametrize("to", ["code", None], ids=["to one", "to all"])
async def test_a_message_is_kept_with_its_secrets_masked(scene: Scene, to: str | None) -> None:
    docs, code = await scene.begin("docs", "code")
    sent = await scene.bridge.messages.send(docs, to, f"use {AWS}")
    assert sent.redacted == ("aws-access-key",)
    assert sent.post.message.body == (await scene.take(code)).message.body == f"use {MASKED_AWS}"


async def test_metadata_is_masked_in_names_and_values_and_stays_an_object(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    said = {AWS: 1, OTHER_AWS: 2, "files": ["a", {"key": f"={GITHUB}\n"}], "n": None}
    sent = await scene.bridge.messages.send(docs, "code", "see", metadata=said)
    assert sent.redacted == ("aws-access-key", "github-token")
    assert json.loads((await scene.take(code)).message.metadata or "") == {
        MASKED_AWS: 1,
        f"{MASKED_AWS} 2": 2,
        "files": ["a", {"key": f"={MASKED_GITHUB}\n"}],
        "n": None,
    }


async def test_a_reply_and_a_refusal_are_masked_wherever_they_are_told(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    note = (await scene.send(docs, "code")).message.id
    replied = await scene.bridge.batches.reply(
        code, token_of(await scene.take(code)), note, f"try {AWS}", metadata={"k": GITHUB}
    )
    assert replied.redacted == ("aws-access-key", "github-token")
    assert not holds_raw(repr(await scene.take(docs)))
    note = (await scene.send(docs, "code")).message.id
    refused = await scene.bridge.batches.refuse(code, token_of(await scene.take(code)), note, f"{AWS} is not mine")
    assert refused.redacted == ("aws-access-key",)
    assert refused.post.deliveries[0].last_error == f"refused by code: {MASKED_AWS} is not mine"
    notice = await scene.take(docs)
    assert f"{MASKED_AWS} is not mine" in notice.message.body


async def test_a_refused_question_tells_the_reason_masked(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    refused = await scene.bridge.batches.refuse(code, token_of(await scene.take(code)), question, f"{AWS}: no")
    assert refused.redacted == ("aws-access-key",)
    answer = (await scene.bridge.questions.wait(docs, question, PATIENCE)).answer
    assert answer is not None
    assert (answer.outcome, answer.text) == (Outcome.REFUSED, f"{MASKED_AWS}: no")


async def test_a_quote_with_a_secret_is_checked_as_the_file_has_it_and_kept_masked(scene: Scene, notes: object) -> None:
    with open(f"{notes}/keys.md", "w", encoding="utf-8") as file:  # noqa: PTH123, ASYNC230
        file.write(f"# Keys\n\nThe exporter signs with {AWS} since March.\n")
    docs, code = await scene.begin("docs", "code")
    question = await scene.ask(docs, "code")
    claims = [
        Claim("notes/keys.md", 3, 3, f"signs with {AWS} since"),
        Claim("notes/keys.md", 3, 3, f"signs with {OTHER_AWS} since"),
        Claim("notes/keys.md", 3, 3, f"signs with {MASKED_AWS} since"),
        Claim("notes/exporter.md", 3, 3, "listens on port 9187"),
        Claim(f"notes/{GITHUB}", 1, 1, "listens on port 9187"),
    ]
    replied = await scene.bridge.batches.reply(
        code, token_of(await scene.take(code)), question, f"By {AWS}.", claims=claims
    )
    assert replied.redacted == ("aws-access-key", "github-token")
    answer = (await scene.bridge.questions.wait(docs, question, PATIENCE)).answer
    assert answer is not None
    assert answer.text == f"By {MASKED_AWS}."
    true, other, masked, plain, gone = answer.citations
    assert (true.status, true.quote) == (CitationStatus.VERIFIED, f"signs with {MASKED_AWS} since")
    assert (true.first_line, true.file_digest, true.span_digest) == (3, "", "")
    assert other.status is not CitationStatus.VERIFIED
    assert masked.status is not CitationStatus.VERIFIED  # the file does not hold the mask
    assert (plain.status, plain.redacted, bool(plain.span_digest)) == (CitationStatus.VERIFIED, False, True)
    assert (gone.path, gone.redacted) == (f"notes/{MASKED_GITHUB}", True)
    assert true.redacted
    assert other.redacted
    assert not masked.redacted
    assert not holds_raw(repr(answer))


async def test_a_status_is_kept_masked(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    reported = await scene.bridge.conversations.report(docs, f"rotating {GITHUB}")
    assert reported.redacted == ("github-token",)
    (_, shown) = await scene.bridge.conversations.who(docs, docs.conversation)
    assert shown.participant.status == f"rotating {MASKED_GITHUB}"


async def test_the_old_operations_mask_as_well(scene: Scene) -> None:
    made = await scene.bridge.legacy.create_conversation(THE_OWNER, "lead", "docs")
    a = (str(made["conversation_id"]), "a", str(made["session_a_token"]))
    b = (str(made["conversation_id"]), "b", str(made["session_b_token"]))
    sent = await scene.bridge.legacy.send_to_partner(
        *a, f"use {AWS}", action_type=GITHUB, files_involved=[f"x/{OTHER_AWS}"]
    )
    assert sent["redacted"] == ["aws-access-key", "github-token"]
    status = await scene.bridge.legacy.update_my_status(*a, f"with {GITHUB}")
    assert (status["status"], status["redacted"]) == (f"with {MASKED_GITHUB}", ["github-token"])
    told = [await scene.bridge.legacy.check_messages(*b), await scene.bridge.legacy.check_partner_status(*b)]
    assert not holds_raw(repr(told))
    assert MASKED_AWS in repr(told)


async def test_the_same_key_and_body_are_the_same_thing_again_though_it_was_masked(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    for _ in range(2):
        asked = await scene.bridge.questions.ask(docs, f"is {AWS} valid?", mailbox="code", idempotency_key="k1")
        sent = await scene.bridge.messages.send(docs, "code", f"{AWS} it is", idempotency_key="k2")
        assert asked.redacted == sent.redacted == ("aws-access-key",)
    assert (asked.created, sent.created) == (False, False)
    assert len((await scene.receive(code)).leases) == 2


async def test_bodies_under_one_key_are_compared_as_they_are_kept(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    first = await scene.bridge.messages.send(docs, "code", f"use {AWS}", idempotency_key="k")
    # Another secret of the same kind leaves the same: to tell them apart, something of the first would have to be kept.
    other = await scene.bridge.messages.send(docs, "code", f"use {OTHER_AWS}", idempotency_key="k")
    assert (other.created, other.post.message.id) == (False, first.post.message.id)
    masked = await scene.bridge.messages.send(docs, "code", f"use {MASKED_AWS}", idempotency_key="k")
    assert (masked.created, masked.redacted) == (False, ())
    for body in (f"use {GITHUB}", f"take {AWS}"):
        with pytest.raises(IdempotencyConflictError):
            await scene.bridge.messages.send(docs, "code", body, idempotency_key="k")


async def test_a_secret_as_a_key_or_a_name_is_refused_and_not_repeated(scene: Scene) -> None:
    docs, _ = await scene.begin("docs", "code")
    for attempt in (
        scene.bridge.questions.ask(docs, "why?", mailbox="code", idempotency_key=f"k {AWS}"),
        scene.bridge.messages.send(docs, "code", "so", idempotency_key=AWS),
        scene.bridge.batches.receive(docs, patience=PATIENCE, key=AWS),
        scene.bridge.conversations.new(THE_OWNER, ["lead", AWS]),
        scene.bridge.credentials.new(THE_OWNER, AWS),
        scene.bridge.credentials.new(THE_OWNER, "lead", grant=Grant(mailboxes=frozenset({AWS}))),
        scene.bridge.messages.send(docs, AWS, "so"),
        scene.bridge.messages.send(THE_OWNER, AWS, "so"),
        scene.bridge.legacy.create_conversation(THE_OWNER, "lead", AWS),
    ):
        with pytest.raises(InvalidInputError, match=r"holds what looks like a secret \(aws-access-key\)") as refusal:
            await attempt
        assert not holds_raw(str(refusal.value))
    with pytest.raises(UnknownMailboxError):
        await scene.bridge.messages.send(docs, "nobody", "so")


async def test_a_limit_holds_for_what_came_and_for_what_would_be_kept(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    room = LIMITS.max_body_bytes - len(GITHUB) - 1
    longer = len(MASKED_AWS) - len(AWS)
    sent = await scene.bridge.messages.send(docs, "code", f"{GITHUB} " + "x" * room)  # its mask is shorter
    assert sent.redacted == ("github-token",)
    with pytest.raises(BodyTooLargeError, match="the message has"):
        await scene.bridge.messages.send(docs, "code", f"{GITHUB} " + "x" * (room + 1))
    fits = f"{AWS} " + "x" * (LIMITS.max_body_bytes - len(MASKED_AWS) - 1)
    assert (await scene.bridge.questions.ask(docs, fits, mailbox="code")).redacted == ("aws-access-key",)
    for _ in range(longer):
        fits += "x"
        with pytest.raises(BodyTooLargeError, match="with its secrets masked"):
            await scene.bridge.questions.ask(docs, fits, mailbox="code")
    status = f"{AWS} " + "x" * (LIMITS.max_status_bytes - len(AWS) - 1)
    metadata = {"a": f"{AWS} " + "x" * (LIMITS.max_metadata_bytes - len(AWS) - len('{"a": " "}'))}
    lease = await scene.take(code, limit=1)
    reason = f"{AWS} " + "x" * (LIMITS.max_reason_bytes - len(AWS) - 1)
    for attempt in (
        scene.bridge.conversations.report(docs, status),
        scene.bridge.messages.send(docs, "code", "see", metadata=metadata),
        scene.bridge.batches.refuse(code, token_of(lease), lease.message.id, reason),
    ):
        with pytest.raises(WarmlineError, match="more than"):
            await attempt


async def test_a_bridge_that_is_handed_no_redaction_keeps_what_came() -> None:
    async def unchanged(text: str) -> Redacted:
        return Redacted(text)

    clock = ManualClock()
    store = MemoryStore(StoreSettings(), clock)
    bridge = open_bridge(
        store, directory_of(store), NoMemory(), clock, settings=LIMITS, owner_token=OWNER_TOKEN, redact=unchanged
    )
    await store.open()
    accepted = await bridge.questions.ask(THE_OWNER, AWS)
    assert (accepted.question.message.body, accepted.redacted) == (AWS, ())
    assert accepted.question.delivery.state is State.READY
    await store.close()
