"""A daemon that several tests of one file talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from real_home import RealHome
from speaking import Speaker


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHome]:
    home = RealHome(tmp_path_factory.mktemp("rest") / "home")
    home.serve()
    yield home
    home.close()


@pytest.fixture(scope="module")
def owner(line: RealHome) -> Speaker:
    return Speaker(line.home, line.home.read_token())


Begin = Callable[..., list[Speaker]]


@pytest.fixture(scope="module")
def begin(owner: Speaker) -> Begin:
    """Begin a conversation, and return its participants in the order of their names."""

    def begin(*names: str, persons: tuple[str, ...] = ()) -> list[Speaker]:
        made = owner.ok("POST", "/v1/conversations", {"between": names, "persons": persons})
        speakers = {each["name"]: Speaker(owner.home, each["token"]) for each in made["credentials"]}
        return [speakers[name] for name in (*names, *persons)]

    return begin
