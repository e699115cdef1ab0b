"""Warmline: a durable line between coding agents, with a distributed memory at its other end.

For programs: `connect` and `connect_async` reach a running instance, and are imported when they are first named.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["AsyncLineClient", "LineClient", "Response", "__version__", "connect", "connect_async"]

TYPE_CHECKING = False  # `typing` itself would cost half of what this module does
if TYPE_CHECKING:
    from warmline.listen.async_client import AsyncLineClient, connect_async
    from warmline.listen.client import LineClient, connect
    from warmline.listen.messages import Response
else:
    _PLACES = {
        "AsyncLineClient": "warmline.listen.async_client",
        "LineClient": "warmline.listen.client",
        "Response": "warmline.listen.messages",
        "connect": "warmline.listen.client",
        "connect_async": "warmline.listen.async_client",
    }

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - only who asks for a client pays for it

        found = getattr(import_module(_PLACES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
