"""Whatever comes, goes and comes back: nobody waits longer than the fair queue promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from crewing import question
from warmline.crew.waiting import Ticket, Waiting

CONVERSATIONS = "abcd"

puts = st.tuples(st.just("put"), st.sampled_from(CONVERSATIONS))
others = st.tuples(st.sampled_from(["take", "take", "put back", "remove"]), st.just(""))


@dataclass
class Model:
    """What waits, in lists; and for the first of each conversation, which others were taken since it was that."""

    lines: dict[str, list[Ticket]] = field(default_factory=lambda: {name: [] for name in CONVERSATIONS})
    passed: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self) -> None:
        """Begin to count for who is the first of its conversation now and was not."""
        for name, line in self.lines.items():
            if not line:
                self.passed.pop(name, None)
            else:
                self.passed.setdefault(name, Counter())

    def taken(self, ticket: Ticket) -> None:
        name = ticket.question.conversation
        assert self.lines[name][0] is ticket
        self.lines[name].pop(0)
        self.passed.pop(name, None)
        for counter in self.passed.values():
            counter[name] += 1
            assert max(counter.values()) == 1


@given(st.lists(puts | others, max_size=60))
def test_before_the_first_of_a_conversation_at_most_one_of_each_other_is_taken(steps: list[tuple[str, str]]) -> None:
    waiting, model, out = Waiting(), Model(), list[Ticket]()
    for verb, name in steps:
        if verb == "put":
            ticket = Ticket(question(name), None)
            waiting.put(ticket)
            model.lines[name].append(ticket)
        elif verb == "take":
            taken = waiting.take(lambda _: True)
            assert (taken is None) is (not any(model.lines.values()))
            if taken is not None:
                model.taken(taken)
                out.append(taken)
        elif verb == "put back" and out:
            ticket = out.pop()
            waiting.put_back(ticket)
            model.lines[ticket.question.conversation].insert(0, ticket)
        elif verb == "remove" and len(waiting):
            ticket = list(waiting)[-1]
            waiting.remove(ticket)
            model.lines[ticket.question.conversation].remove(ticket)
        model.note()
        assert len(waiting) == sum(map(len, model.lines.values()))
        assert {id(each) for each in waiting} == {id(each) for line in model.lines.values() for each in line}
