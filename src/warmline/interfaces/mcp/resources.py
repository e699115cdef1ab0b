"""The memory as resources: memory://PATH, and memory://PATH#L10-L20 for some lines; messages as message://ID.

Clients put a resource into the prompt: what it holds stands in a fence, which names the lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

import mcp_types as types
from mcp.shared.exceptions import MCPError

from warmline.app import Line
from warmline.bridge import rights
from warmline.errors import ForbiddenError, WarmlineError
from warmline.ids import parse_message_id
from warmline.interfaces.fencing import fenced_message
from warmline.interfaces.mcp.offering import Context
from warmline.interfaces.mcp.texts import begun
from warmline.interfaces.views.messages import post_view
from warmline.interfaces.views.questions import NOWHERE
from warmline.parties import Credential
from warmline.security.fence import Fence
from warmline.security.memory_blocks import lines_block
from warmline.security.redaction import redact

PAGE = 100
MAX_COMPLETIONS = 100
"""As the protocol has it."""

MAX_LINES = 2000
MAX_BYTES = 128 * 1024
"""Of a file, before it is fenced; more of it is read by its lines."""

LINES = re.compile(r"L([1-9]\d{0,8})(?:-L?([1-9]\d{0,8}))?")

TEMPLATES = [
    types.ResourceTemplate(
        name="lines of the memory",
        uri_template="memory://{+path}#L{first}-L{last}",
        description="lines of a file of the memory, counted from 1, both included; 2,000 at most",
        mime_type="text/plain",
    ),
    types.ResourceTemplate(
        name="file of the memory",
        uri_template="memory://{+path}",
        description="a file of the memory, as `recall` and `ask` name it; of a long one the beginning",
        mime_type="text/plain",
    ),
    types.ResourceTemplate(
        name="message",
        uri_template="message://{id}",
        description="a message or answer that you may see, whole",
        mime_type="text/plain",
    ),
]


class Resources:
    """Lists, reads and completes, within the scope of who asks."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def list_resources(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """List the files of the memory, in the order of their paths."""
        after = unquote((params and params.cursor) or "")
        paths = await self._paths(context)
        page = [path for path in paths if path > after][: PAGE + 1]
        return types.ListResourcesResult(
            resources=[types.Resource(name=path, uri=_uri(path), mime_type="text/plain") for path in page[:PAGE]],
            next_cursor=quote(page[PAGE - 1]) if len(page) > PAGE else None,
        )

    async def list_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """List the templates."""
        return types.ListResourceTemplatesResult(resource_templates=TEMPLATES)

    async def read(self, context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """Return lines of the memory, or a message. Raises MCPError."""
        scheme, _, rest = params.uri.partition("://")
        try:
            match scheme:
                case "memory":
                    text = await self._lines(_speaker(context), rest)
                case "message":
                    text = await self._message(_speaker(context), rest)
                case _:
                    raise MCPError(types.INVALID_PARAMS, "a resource here is called memory://PATH or message://ID")
        except WarmlineError as error:
            raise MCPError(types.INVALID_PARAMS, redact(str(error)).text) from error
        contents = types.TextResourceContents(uri=params.uri, mime_type="text/plain", text=text)
        return types.ReadResourceResult(contents=[contents])

    async def complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Complete a path."""
        begun = params.argument.value
        of = params.ref.uri if isinstance(params.ref, types.ResourceTemplateReference) else ""
        is_path = of.startswith("memory://") and params.argument.name == "path"
        found = [path for path in await self._paths(context) if path.startswith(begun)] if is_path else []
        values = found[:MAX_COMPLETIONS]
        return types.CompleteResult(
            completion=types.Completion(values=values, total=len(found), has_more=len(found) > len(values))
        )

    async def _paths(self, context: Context) -> Sequence[str]:
        """Return the paths within who asks; none to whom may ask nothing: that is no error where all is listed."""
        by = _speaker(context)
        try:
            rights.check_memory(by)
        except ForbiddenError:
            return []
        return await self._line.memory.paths(by.memories)

    async def _lines(self, by: Credential, place: str) -> str:
        rights.check_memory(by)
        path, _, fragment = place.partition("#")
        first, last = 1, MAX_LINES
        if fragment:
            found = LINES.fullmatch(fragment)
            if found is None or int(found[2] or found[1]) < int(found[1]):
                raise MCPError(types.INVALID_PARAMS, "lines are written as #L10-L20, the first one first")
            first = int(found[1])
            last = min(int(found[2] or first), first + MAX_LINES - 1)
        shown = await self._line.memory.shown(unquote(path), by.memories)
        text = begun(await self._line.memory.lines(shown, first, last, by.memories), MAX_BYTES)
        fence, last_shown = Fence(), first + text.count("\n")
        return f"{lines_block(fence, shown, first, last_shown, text)}\n{fence.preamble()}"

    async def _message(self, by: Credential, message_id: str) -> str:
        post = await self._line.bridge.messages.post(by, parse_message_id(message_id))
        fence = Fence()
        said = post_view(post, NOWHERE).model_dump(mode="json")
        return f"{fenced_message(fence, said)}\n{fence.preamble()}"


def _speaker(context: Context) -> Credential:
    assert context.request is not None  # noqa: S101  # there is no other way to reach this server than HTTP
    by: Credential = context.request.state.by
    return by


def _uri(path: str) -> str:
    return f"memory://{quote(path)}"
