"""The verified fake: Store and Directory in plain dictionaries, held to the same contracts. Nothing is durable."""

from warmline.stores.memory.directory import MemoryDirectory
from warmline.stores.memory.store import MemoryStore

__all__ = ["MemoryDirectory", "MemoryStore"]
