"""Frozen dataclasses that are quickly made: but for the time, as dataclasses makes them."""

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, replace

import pytest

from warmline.frozen import quickly_made
from warmline.model import Delivery, Lease, Message, Question
from warmline.protocols import Accepted


@quickly_made
@dataclass(frozen=True, slots=True)
class Place:
    """A noun with a default."""

    file: str
    line: int = 1


def test_fields_are_taken_by_place_and_by_name_and_have_defaults() -> None:
    assert Place("a") == Place(file="a", line=1) == Place("a", 1) != Place("a", 2)


def test_nothing_can_be_assigned_once_it_is_made() -> None:
    place = Place("a")
    with pytest.raises(FrozenInstanceError):
        place.line = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del place.line
    assert place == Place("a", 1)


def test_it_is_of_its_own_class_and_hashes_as_its_fields() -> None:
    assert type(Place("a")) is Place
    assert repr(Place("a")) == "Place(file='a', line=1)"
    assert len({Place("a"), Place("a", 1), Place("b")}) == 2


def test_what_dataclasses_and_copies_do_with_it_works() -> None:
    place = Place("a", 3)
    assert replace(place, line=4) == Place("a", 4)
    assert asdict(place) == {"file": "a", "line": 3}
    assert copy.deepcopy(place) == pickle.loads(pickle.dumps(place)) == place  # noqa: S301  # its own


@pytest.mark.parametrize("values", [(), ("a", 1, 2)])
def test_missing_and_needless_values_are_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="argument"):
        Place(*values)  # type: ignore[arg-type]


@pytest.mark.parametrize("noun", [Message, Delivery, Question, Lease, Accepted])
def test_the_nouns_of_every_question_are_quickly_made(noun: type) -> None:
    assert "become" in noun.__init__.__code__.co_names  # type: ignore[misc]
