"""Shared memory: two rings that both sides map, and a Unix socket over which they meet, wake and miss each other.

Linux only. It knows bytes, and nothing of lines or requests. docs/shared-memory.md tells of it in one place.
"""
