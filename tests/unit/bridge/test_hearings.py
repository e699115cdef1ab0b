"""Who hears what of an answer while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bridge_cases import Scene
from warmline.bridge.credentials import THE_OWNER
from warmline.bridge.hearings import Hearing, Hearings, Said
from warmline.errors import UnknownMessageError
from warmline.model import MessageId

QUESTION, OTHER = MessageId("q"), MessageId("o")


@dataclass
class Spoken:
    """A speech whose pieces are the test's."""

    delivery: int = 1
    question: MessageId = QUESTION
    pieces: list[str] = field(default_factory=list)
    is_over: bool = False

    def since(self, piece: int) -> list[str]:
        return self.pieces[piece:]

    def say(self, hearings: Hearings, *pieces: str) -> None:
        for each in pieces:
            self.pieces.append(each)
            hearings.heard(self)

    def end(self, hearings: Hearings) -> None:
        self.is_over = True
        hearings.heard(self)


def nobody() -> None:
    """Be called for nothing."""


def all_of(hearing: Hearing) -> list[Said]:
    return list(iter(hearing.more, None))


def test_a_listener_hears_each_piece_once_and_is_called_for_it() -> None:
    hearings, speech, calls = Hearings(), Spoken(), []
    with hearings.listening(QUESTION, lambda: calls.append(1)) as hearing:
        assert hearing.more() is None
        speech.say(hearings, "It ")
        assert hearing.more() == Said(1, 0, "It ")
        speech.say(hearings, "lis", "tens")
        assert all_of(hearing) == [Said(1, 3, "listens")]
        assert len(calls) == 3


def test_who_comes_late_hears_first_what_was_said_so_far() -> None:
    hearings, speech = Hearings(), Spoken()
    speech.say(hearings, "It ", "listens ")
    with hearings.listening(QUESTION, nobody) as late, hearings.listening(QUESTION, nobody) as other:
        assert late.more() == Said(1, 0, "It listens ")
        speech.say(hearings, "on 9187")
        assert late.more() == Said(1, 11, "on 9187")
        assert other.more() == Said(1, 0, "It listens on 9187")


def test_what_is_said_of_other_questions_is_not_heard() -> None:
    hearings, calls = Hearings(), []
    with hearings.listening(QUESTION, lambda: calls.append(1)) as hearing:
        Spoken(question=OTHER).say(hearings, "no")
        assert hearing.more() is None
        assert calls == []


def test_another_hand_over_begins_anew_also_for_who_was_slow() -> None:
    hearings, first, second = Hearings(), Spoken(1), Spoken(2)
    with hearings.listening(QUESTION, nobody) as hearing, hearings.listening(QUESTION, nobody) as slow:
        first.say(hearings, "It is ")
        assert hearing.more() == Said(1, 0, "It is ")
        first.end(hearings)
        second.say(hearings, "They ", "are")
        for each in (hearing, slow):
            assert all_of(each) == [Said(2, 0, "They are")]


def test_a_hand_over_whose_lease_was_lost_says_nothing_once_the_next_one_speaks() -> None:
    hearings, first, second = Hearings(), Spoken(1), Spoken(2)
    with hearings.listening(QUESTION, nobody) as hearing:
        first.say(hearings, "It ")
        second.say(hearings, "They ")
        first.say(hearings, "is")
        assert all_of(hearing) == [Said(2, 0, "They ")]
        first.end(hearings)
        second.pieces.append("are")
        assert all_of(hearing) == [Said(2, 5, "are")]


def test_what_was_said_is_forgotten_at_the_end_and_listeners_when_they_left() -> None:
    hearings, speech, calls = Hearings(), Spoken(), []
    with hearings.listening(QUESTION, lambda: calls.append(1)):
        speech.say(hearings, "It ")
    speech.say(hearings, "is")
    assert len(calls) == 1
    speech.end(hearings)
    with hearings.listening(QUESTION, nobody) as hearing:
        assert hearing.more() is None
    assert vars(hearings) == {"_speeches": {}, "_listeners": {}}


async def test_only_who_sees_a_question_hears_of_its_answer(scene: Scene) -> None:
    docs, code = await scene.begin("docs", "code")
    asked = (await scene.bridge.questions.ask(docs, "which port?")).question.message.id
    Spoken(question=asked).say(scene.bridge.parts.hearings, "9187")
    for by in (docs, THE_OWNER):
        async with scene.bridge.questions.hearing(by, asked, nobody) as hearing:
            assert hearing.more() == Said(1, 0, "9187")
    with pytest.raises(UnknownMessageError):
        async with scene.bridge.questions.hearing(code, asked, nobody):
            pass
