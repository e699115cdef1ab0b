"""The old bridge's users come along: read a copy of its database, and take over what it holds."""
