"""Connecting clients: one entry in a client's own configuration, which stays as it is otherwise.

clients.py says where each has its configuration and what an entry looks like, command.py how the relay in it is
started; json_language.py and toml_language.py edit texts as language.py promises; files.py reads and writes them;
difference.py shows what changes; record.py keeps what was put where; placing.py joins these. None of them knows the
daemon.
"""
