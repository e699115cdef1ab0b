"""Interfaces: thin ways in; each turns its own words into verbs of the bridge."""
