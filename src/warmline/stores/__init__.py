"""Stores: the verbs of protocols.Store over SQLite, and in memory as the verified fake."""
