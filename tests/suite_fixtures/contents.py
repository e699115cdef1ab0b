"""The contents that tools, resources and prompts of the suite return."""

from __future__ import annotations

import base64
import struct
import zlib

import mcp_types as types


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


_PNG = b"".join(
    (
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")),
        _chunk(b"IEND", b""),
    )
)
_WAV = b"RIFF" + struct.pack("<I4s4sIHHIIHH4sI", 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 0)

PNG = base64.b64encode(_PNG).decode()
"""One red pixel."""

WAV = base64.b64encode(_WAV).decode()
"""Silence, of no length."""


def text(said: str) -> types.TextContent:
    """Return a text."""
    return types.TextContent(text=said)


def image() -> types.ImageContent:
    """Return the pixel."""
    return types.ImageContent(data=PNG, mime_type="image/png")


def embedded(uri: str, said: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    """Return a resource with its text."""
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=mime_type, text=said))
