"""Seals for stores in tests, and a key for those that are encrypted."""

from warmline.security.seals import Seals

SEALS = Seals({1: bytes(range(32))})
KEY = bytes(range(32, 64))
