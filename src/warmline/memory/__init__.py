"""Memory: files, their lines, the index over them, passages, and citations that are checked."""
