"""What goes into a row of the directory comes out of it: credentials and participants."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from warmline.limits import Limits
from warmline.model import ConversationId, CredentialId
from warmline.parties import Credential, Participant, Right
from warmline.stores.directory_rows import credential_of, credential_values, participant_of, participant_values

TOKEN_HASH = bytes(32)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds are naive
names = st.frozensets(texts, max_size=3)
numbers = st.integers(1, 2**62)
credentials = st.builds(
    Credential,
    id=texts.map(CredentialId),
    name=texts,
    conversation=texts.map(ConversationId),
    rights=st.frozensets(st.sampled_from(Right)),
    created_at=moments,
    mailboxes=st.none() | names,
    reads=names,
    memories=st.none() | names,
    is_person=st.booleans(),
    limits=st.none() | st.builds(Limits, numbers, numbers, numbers),
    expires_at=st.none() | moments,
    revoked_at=st.none() | moments,
)
participants = st.builds(
    Participant,
    conversation=texts.map(ConversationId),
    name=texts,
    is_person=st.booleans(),
    status=st.none() | texts,
    status_at=st.none() | moments,
    seen_at=st.none() | moments,
    legacy_session=st.sampled_from([None, "a", "b"]),
)


@given(credentials)
def test_a_credential_is_the_same_after_its_columns(credential: Credential) -> None:
    values = credential_values(credential, TOKEN_HASH)
    assert values.pop("token_hash") == TOKEN_HASH
    assert credential_of(tuple(values.values())) == credential


@given(participants)
def test_a_participant_is_the_same_after_its_columns(participant: Participant) -> None:
    assert participant_of(tuple(participant_values(participant).values())) == participant
