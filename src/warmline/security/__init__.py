"""What trust is made of: keys and seals, redaction, fences, modes of files. Every part may use it."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import all of it now: what cannot be loaded stops a start, and not the first message that needs it.

    Raises ImportError.
    """
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
