"""The part of a memory that one warm agent holds: whole files, as they are now, while there is room.

How much a model takes for a text cannot be known here; it is estimated from above, by bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from warmline.errors import UnknownRootError, UnsafePathError
from warmline.memory.catalog import LiveFile
from warmline.memory.files import FoundFile, NotTextError, read_text
from warmline.memory.lines import split_lines
from warmline.model import Shard, ShardFile
from warmline.security.fence import NONCE_BYTES, Fence
from warmline.security.memory_blocks import file_block
from warmline.security.redaction import find_secrets, mask
from warmline.settings import MemorySettings

ASCII_BYTES_PER_TOKEN = 3.5
OTHER_BYTES_PER_TOKEN = 2.0
"""Words of languages that models saw less of fall into more pieces."""

_ANY_FENCE = Fence("0" * 2 * NONCE_BYTES)
"""All fences are of one length."""

Resolve = Callable[[str], Path]
"""From a shown path to the real one. Raises UnsafePathError when it leaves its root, and UnknownRootError."""


def read_shard(files: Iterable[LiveFile], max_tokens: int, resolve: Resolve, settings: MemorySettings) -> Shard:
    """Read these files, in their order, while there is room; what is too large may be followed by what is not.

    One that is no text any more, is gone, or is not where it was, is no part of it. Blocks: run it on a thread.
    """
    held: list[ShardFile] = []
    left_out: list[str] = []
    tokens = 0
    for file in files:
        room = max_tokens - tokens
        if not _may_fit(file.size, room):
            left_out.append(file.shown)
            continue
        text = _text(file, resolve, settings)
        if text is None:
            continue
        cost = _cost(file.shown, text) if _may_fit(len(text), room) else room + 1
        if cost > room:
            left_out.append(file.shown)
            continue
        held.append(ShardFile(file.shown, text))
        tokens += cost
    return Shard(tuple(held), tokens, _digest(held), tuple(left_out))


def tokens_in(text: str) -> int:
    """Estimate from above how many tokens a model takes for a text."""
    size = len(text.encode())
    plain = size if size == len(text) else len(text.encode("ascii", "ignore"))
    return 1 + int(plain / ASCII_BYTES_PER_TOKEN + (size - plain) / OTHER_BYTES_PER_TOKEN)


def masked_by_line(text: str) -> str:
    """Return a text with its secrets masked, and as many lines: of a secret that takes several, each is masked."""
    pieces, at = [], 0
    for kind, start, end in find_secrets(text):
        lines = text[start:end].split("\n")
        pieces += [text[at:start], "\n".join(mask(kind) if line else "" for line in lines)]
        at = end
    return "".join((*pieces, text[at:]))


def _may_fit(size: int, room: int) -> bool:
    """Tell whether a text of so many bytes, or characters, can be worth so few tokens."""
    return size / ASCII_BYTES_PER_TOKEN <= room


def _cost(path: str, text: str) -> int:
    """Estimate what a file is worth with its marks and the numbers of its lines."""
    return tokens_in(file_block(_ANY_FENCE, path, text))


def _text(file: LiveFile, resolve: Resolve, settings: MemorySettings) -> str | None:
    try:
        if str(resolve(file.shown)) != file.absolute:
            return None  # a link was put into its way
        data, _ = read_text(FoundFile(file.relative, file.absolute, file.size, file.mtime_ns), settings)
    except (NotTextError, UnknownRootError, UnsafePathError):
        return None
    return masked_by_line(b"\n".join(split_lines(data)).decode())


def _digest(files: Iterable[ShardFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        for text in (file.path, file.text):
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
