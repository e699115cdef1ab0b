"""The fair queue: conversations take turns, and within one the first is the first."""

from __future__ import annotations

from crewing import question
from warmline.crew.waiting import Ticket, Waiting


def ticket(conversation: str, sender: str = "owner") -> Ticket:
    return Ticket(question(conversation, sender), None)


def anything(_: Ticket) -> bool:
    return True


def taken(waiting: Waiting) -> list[Ticket]:
    tickets = []
    while (each := waiting.take(anything)) is not None:
        tickets.append(each)
    return tickets


def filled(*tickets: Ticket) -> Waiting:
    waiting = Waiting()
    for each in tickets:
        waiting.put(each)
    return waiting


def test_a_burst_of_one_conversation_does_not_hold_up_another() -> None:
    burst = [ticket("a") for _ in range(5)]
    late = ticket("b")
    assert taken(filled(*burst, late)) == [burst[0], late, *burst[1:]]


def test_two_senders_of_one_conversation_take_turns() -> None:
    ours, theirs = [ticket("a", "one"), ticket("a", "one")], ticket("a", "two")
    assert taken(filled(*ours, theirs)) == [ours[0], theirs, ours[1]]


def test_who_comes_back_after_its_turn_waits_for_the_others() -> None:
    a, b, c, again = ticket("a"), ticket("b"), ticket("c"), ticket("a")
    waiting = filled(a, b, c)
    assert waiting.take(anything) is a
    waiting.put(again)
    assert taken(waiting) == [b, c, again]


def test_what_is_put_back_is_the_first_of_its_conversation_and_its_turn_was_taken() -> None:
    first, second, other = ticket("a"), ticket("a"), ticket("b")
    waiting = filled(first, second, other)
    assert waiting.take(anything) is first
    waiting.put_back(first)
    assert taken(waiting) == [other, first, second]


def test_who_has_nothing_that_fits_keeps_its_turn() -> None:
    a, b = ticket("a"), ticket("b")
    waiting = filled(a, ticket("a"), b, ticket("b"))
    assert waiting.take(lambda each: each is b) is b
    assert waiting.take(anything) is a


def test_what_does_not_fit_does_not_hold_up_what_follows_it_in_its_conversation() -> None:
    first, second = ticket("a"), ticket("a")
    waiting = filled(first, second)
    assert waiting.take(lambda each: each is not first) is second
    assert waiting.count(anything) == len(waiting) == 1
    assert list(waiting) == [first]


def test_what_was_removed_is_not_taken_and_may_be_removed_again() -> None:
    gone, there = ticket("a"), ticket("a")
    waiting = filled(gone, there)
    waiting.remove(gone)
    waiting.remove(gone)
    assert taken(waiting) == [there]
    assert len(waiting) == 0
    assert waiting.take(anything) is None
