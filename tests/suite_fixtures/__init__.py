"""What the protocol's conformance suite expects of a server, so that every scenario has something to try."""
