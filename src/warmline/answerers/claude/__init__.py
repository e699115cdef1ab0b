"""Claude Code, kept warm: our own client of the stream-json that it speaks over stdio."""
