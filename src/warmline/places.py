"""Where lines stand, as answers cite them. Light to import: a client needs it too."""


def place(path: str, first_line: int, last_line: int) -> str:
    """Write `path:first-last`, or `path:line` for one line."""
    return f"{path}:{first_line}" if first_line == last_line else f"{path}:{first_line}-{last_line}"
