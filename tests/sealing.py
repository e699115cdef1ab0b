"""Seals for stores in tests, and who changes these."""

from warmline.model import OWNER, CredentialId
from warmline.security.seals import Seals

SEALS = Seals({1: bytes(range(32))})
BY = CredentialId(OWNER)
