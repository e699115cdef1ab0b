"""Waking an idle agent when messages wait for it: when it may be woken, what is kept of that, what it is told."""
