"""Whose descendant a process is, over invented tables of processes."""

from __future__ import annotations

from warmline.warm.kin import Kin
from warmline.warm.processes import Key, Process

GUARDIAN = Process(Key(10, 1), 1)
INIT = Process(Key(1, 0), 0)


def none_marked(_pid: int) -> str | None:
    return None


def process(pid: int, parent: int, started: int = 50) -> Process:
    return Process(Key(pid, started), parent)


def kin_with(*workers: Process, subreaper: bool = True) -> Kin:
    kin = Kin(GUARDIAN.key.pid, subreaper=subreaper)
    for at, worker in enumerate(workers):
        kin.hold("ab"[at], worker.key)
    kin.look([INIT, GUARDIAN, *workers], none_marked)
    return kin


A = process(20, 10, 20)
B = process(30, 10, 30)


def test_children_of_children_belong_to_the_worker() -> None:
    kin = kin_with(A, B)
    kin.look([INIT, GUARDIAN, A, B, process(40, 20), process(41, 40), process(42, 30)], none_marked)
    assert sorted(kin.of("a")) == [A.key, (40, 50), (41, 50)]


def test_one_that_re_parented_to_the_guardian_still_belongs_to_its_worker() -> None:
    kin = kin_with(A, B)
    kin.look([INIT, GUARDIAN, A, B, process(40, 20)], none_marked)
    kin.look([INIT, GUARDIAN, A, B, process(40, 10)], none_marked)
    assert (40, 50) in kin.of("a")


def test_one_that_daemonised_between_two_looks_is_told_by_its_mark() -> None:
    kin = kin_with(A, B)
    kin.look([INIT, GUARDIAN, A, B, process(40, 10)], {40: "b"}.get)
    assert (40, 50) in kin.of("b")


def test_a_child_of_a_parent_that_died_during_the_look_belongs_to_the_parents_worker() -> None:
    kin = kin_with(A, B)
    kin.look([INIT, GUARDIAN, A, B, process(40, 20)], none_marked)
    kin.look([INIT, GUARDIAN, A, B, process(41, 40, 60)], none_marked)
    assert (41, 60) in kin.of("a")


def test_a_foundling_without_a_mark_is_due_when_all_who_lived_then_are_retired() -> None:
    kin = kin_with(A, B)
    kin.look([INIT, GUARDIAN, A, B, process(40, 10)], none_marked)
    kin.retire("a")
    assert kin.due() == [A.key]
    kin.retire("b")
    assert sorted(kin.due()) == [A.key, B.key, (40, 50)]


def test_a_foundling_of_nobody_is_due_at_once() -> None:
    kin = kin_with()
    kin.look([INIT, GUARDIAN, process(40, 10)], none_marked)
    assert kin.due() == [(40, 50)]


def test_a_stranger_with_the_pid_of_a_descendant_is_never_due() -> None:
    kin = kin_with(A)
    kin.look([INIT, GUARDIAN, A, process(40, 20)], none_marked)
    kin.retire("a")
    kin.look([INIT, GUARDIAN, A, process(40, 1, 900)], none_marked)
    assert kin.due() == [A.key]


def test_a_child_is_not_given_to_a_younger_process_that_took_its_parents_pid() -> None:
    kin = kin_with(A)
    younger = process(40, 20, 900)
    kin.look([INIT, GUARDIAN, A, younger, process(41, 40, 60)], none_marked)
    assert (41, 60) not in kin.held()


def test_strangers_belong_to_nobody() -> None:
    kin = kin_with(A)
    kin.look([INIT, GUARDIAN, A, process(70, 1), process(71, 70)], {70: "a"}.get)
    assert kin.held() == [A.key]


def test_the_guardian_is_never_due() -> None:
    kin = kin_with(A)
    kin.retire("a")
    kin.look([INIT, GUARDIAN, A], none_marked)
    assert GUARDIAN.key not in kin.due()


def test_without_a_subreaper_who_was_seen_before_its_parent_died_is_known() -> None:
    kin = kin_with(A, subreaper=False)
    kin.look([INIT, GUARDIAN, A, process(40, 20)], none_marked)
    kin.look([INIT, GUARDIAN, A, process(40, 1), process(41, 40)], none_marked)
    assert sorted(kin.of("a")) == [A.key, (40, 50), (41, 50)]


def test_without_a_subreaper_a_mark_tells_and_is_asked_for_once() -> None:
    asked = []

    def mark(pid: int) -> str | None:
        asked.append(pid)
        return "a" if pid == 40 else None

    kin = kin_with(A, subreaper=False)
    for _ in range(3):
        kin.look([INIT, GUARDIAN, A, process(40, 1), process(70, 1)], mark)
    assert (40, 50) in kin.of("a")
    assert sorted(asked) == [40, 70]
