"""How far a reader may see into a memory: pure rules on shown paths.

A scope is a set of shown paths: roots, or files and folders beneath one, each with all that lies beneath it. None is
the whole memory, an empty set nothing of it. What is not spelled as a shown path is (`notes/`, `./notes`) is nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

Scope = frozenset[str]


def reaches(scope: Collection[str] | None, shown: str) -> bool:
    """Tell whether this path is one of the scope, or lies beneath one."""
    return scope is None or shown in scope or any(each in scope for each in _above(shown))


def covers(scope: Collection[str] | None, other: Collection[str] | None) -> bool:
    """Tell whether all that the other scope reaches lies in this one, whatever the memory holds."""
    return scope is None or (other is not None and all(reaches(scope, each) for each in other))


def roots_of(scope: Scope) -> Scope:
    """Return the roots of which a scope reaches anything."""
    return frozenset(each.partition("/")[0] for each in scope)


def outermost(scope: Scope) -> Scope:
    """Leave out what lies beneath another path of the scope: the same scope, and no two of it overlap."""
    return frozenset(each for each in scope if not any(other in scope for other in _above(each)))


def _above(shown: str) -> Iterator[str]:
    """Yield the folders above a path, and its root."""
    end = shown.rfind("/")
    while end != -1:
        yield shown[:end]
        end = shown.rfind("/", 0, end)
