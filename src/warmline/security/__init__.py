"""What trust is made of: keys and seals, redaction, fences, modes of files. Every part may use it."""

from importlib import import_module
from pkgutil import iter_modules

EXAMPLE = "AKIA" + "Q3EGRJ5VXW7YDMZ2"
"""Looks like a secret, and is none."""


def load() -> None:
    """Import all of it now, and try what imports a library at its first use.

    What cannot be loaded stops a start, and not the first message that needs it. The libraries of the extras are
    tried where they are needed. Raises ImportError.
    """
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    from warmline.security.redaction import redact  # noqa: PLC0415  # who imports one module here pays for no other

    if EXAMPLE in redact(EXAMPLE).text:
        raise ImportError(f"{__name__}.redaction finds no secret")
