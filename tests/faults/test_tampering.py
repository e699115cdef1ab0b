"""What others write in the store and in its audit is found, and what the line wrote is not taken for that."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tampering import Tampered, tamper

TAMPERINGS = int(os.environ.get("WARMLINE_TAMPERINGS", "1000"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tampered]:
    store = Tampered(tmp_path_factory.mktemp("tampered") / "store.db")
    yield store
    store.close()


def test_a_store_that_nobody_touched_is_whole(store: Tampered) -> None:
    found = store.verify(store.head)
    assert found.faults == ()
    assert found.archived_rows > 0
    assert found.head == store.head


def test_every_one_of_a_thousand_random_tamperings_is_found(store: Tampered) -> None:
    ways: Counter[str] = Counter()
    for seed in range(TAMPERINGS):
        chance = random.Random(seed)
        with store:
            way = tamper(store, chance)
            assert not store.verify().is_whole, (seed, way)
            ways[way] += 1
    assert store.verify(store.head).is_whole
    assert len(ways) == 9
