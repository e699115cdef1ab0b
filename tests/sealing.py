"""Seals for stores in tests."""

from warmline.security.seals import Seals

SEALS = Seals({1: bytes(range(32))})
