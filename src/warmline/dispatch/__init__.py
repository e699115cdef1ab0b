"""Dispatch ("autopoll"): lease, recall, answer, verify, settle, without anyone polling by hand."""
