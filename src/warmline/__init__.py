"""Warmline: a durable line between coding agents, with a distributed memory at its other end."""

__version__ = "0.1.0"
