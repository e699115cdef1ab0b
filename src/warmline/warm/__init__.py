"""Warm processes: the guardian that holds the workers' programs, and the daemon's side of it.

What is imported here costs the guardian memory for as long as the daemon lives, so this file imports nothing.
"""
