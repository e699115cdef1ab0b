"""What goes into a row comes out of it: messages, answers, times and ids."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from sealing import SEALS
from warmline.ids import new_message_id, parse_message_id
from warmline.model import WITHHELD, Answer, Citation, CitationStatus, ConversationId, Kind, Message, MessageId, Outcome
from warmline.stores.rows import answer_from_json, answer_to_json, message_of, message_values, micros, seal_of, time

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds are naive
numbers = st.integers(-(2**31), 2**31)
citations = st.builds(
    Citation,
    texts,
    numbers,
    numbers,
    texts,
    st.sampled_from(CitationStatus),
    file_digest=texts,
    span_digest=texts,
    redacted=st.booleans(),
)
answers = st.builds(
    Answer,
    st.sampled_from(Outcome),
    texts,
    texts,
    st.lists(citations, max_size=3).map(tuple),
    st.dictionaries(texts, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    st.dictionaries(texts, numbers, max_size=3),
    st.none() | texts,
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    answer = draw(st.none() | answers)
    return Message(
        id=MessageId(draw(texts)),
        conversation=ConversationId(draw(texts)),
        sender=draw(texts),
        kind=Kind.QUESTION if answer is None else Kind.ANSWER,
        body=draw(texts) if answer is None else answer.text,
        sent_at=draw(moments),
        trace=draw(texts),
        hops=draw(st.integers(0, 2**31)),
        in_reply_to=draw(st.none() | texts.map(MessageId)),
        idempotency_key=draw(st.none() | texts),
        deadline_at=draw(st.none() | moments),
        answer=answer,
        memories=draw(st.none() | st.lists(texts, max_size=3).map(tuple)),
        metadata=draw(st.none() | texts),
        erased_at=draw(st.none() | moments),
    )


@given(answers)
def test_an_answer_is_the_same_after_its_json(answer: Answer) -> None:
    assert answer_from_json(answer.text, answer_to_json(answer)) == answer


def test_an_answer_of_before_redaction_reads_as_one_that_is_not_redacted() -> None:
    kept = (
        '{"outcome":"answered","author":"memory","citations":[["notes/a.md",3,4,"the words","verified","f0","0f"]],'
        '"timings_ms":{},"usage":{}}'
    )
    cited = Citation("notes/a.md", 3, 4, "the words", CitationStatus.VERIFIED, "f0", "0f", redacted=False)
    assert answer_from_json("the words", kept).citations == (cited,)


@given(messages())
def test_a_message_is_the_same_after_its_columns(message: Message) -> None:
    sealed = tuple(message_values(message).values())
    assert message_of((*sealed, seal_of(SEALS, sealed)), SEALS) == message


@given(messages(), st.data())
def test_a_message_with_another_column_is_withheld(message: Message, data: st.DataObject) -> None:
    sealed = list(message_values(message).values())
    seal = seal_of(SEALS, sealed)
    column = data.draw(st.integers(0, len(sealed) - 1))
    sealed[column] = data.draw(st.integers(-(2**63), 2**63 - 1) if isinstance(sealed[column], int) else texts)
    assume(seal_of(SEALS, sealed) != seal)
    withheld = message_of((*sealed, seal), SEALS)
    assert not withheld.is_intact
    assert (withheld.body, withheld.metadata, withheld.memories) == (WITHHELD, None, None)
    assert (withheld.answer is None) or withheld.answer.text == WITHHELD


@given(moments)
def test_a_time_is_the_same_to_the_microsecond(at: datetime) -> None:
    assert time(micros(at)) == at


@given(moments)
def test_an_id_is_read_as_it_was_written_in_either_case(at: datetime) -> None:
    message_id = new_message_id(at)
    assert parse_message_id(message_id) == parse_message_id(message_id.lower()) == message_id
