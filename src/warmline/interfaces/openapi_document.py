"""The OpenAPI 3.1 document of the whole API: written once, by a process of its own, when somebody first asks for it.

To make it takes half a second and megabytes that would not come back; to write it out takes as long as ten questions.
`python -m warmline.interfaces.openapi_document` is that process: it writes the document to standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE

from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from warmline.errors import DaemonError

COMMAND = (sys.executable, "-P", "-m", "warmline.interfaces.openapi_document")


class OpenApiDocument:
    """The document of this program's API."""

    def __init__(self) -> None:
        self._writing = asyncio.Lock()
        self._written: bytes | None = None

    async def respond(self, request: Request) -> Response:
        """Send it, the same bytes to everybody. Raises DaemonError when it cannot be written."""
        async with self._writing:
            if self._written is None:
                self._written = await _write()
        return Response(self._written, media_type=JSONResponse.media_type)


async def _write() -> bytes:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=DEVNULL,
        stdout=PIPE,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise DaemonError("the OpenAPI document cannot be written: the daemon's log tells why")
    return written


def main() -> None:
    """Write the document."""
    from warmline.interfaces.rest import described  # noqa: PLC0415  # which serves what this writes

    sys.stdout.buffer.write(JSONResponse(described().openapi()).body)


if __name__ == "__main__":
    main()
