"""The server of the suite: tools that return all kinds of content, resources and prompts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from suite_fixtures.asking import ASKING, Called, Context, Tool, form, one_field, said
from suite_fixtures.contents import PNG, WAV, embedded, image, text

PAUSE_SECONDS = 0.05
"""As the suite wants it, so that what is told on the way can be seen to come one by one."""

STATIC = "test://static-text"
BINARY = "test://static-binary"
WATCHED = "test://watched-resource"

CONTENTS: dict[str, Sequence[types.ContentBlock]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [types.AudioContent(data=WAV, mime_type="audio/wav")],
    "test_embedded_resource": [embedded("test://embedded-resource", "This is an embedded resource content.")],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ],
}


def _returning(contents: Sequence[types.ContentBlock]) -> Tool:
    async def tool(_: Context, __: types.CallToolRequestParams) -> Called:
        return types.CallToolResult(content=list(contents))

    return tool


SCHEMAS: dict[str, dict[str, Any]] = {
    "json_schema_2020_12_tool": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
    "test_header_tool": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
}
"""What tools take whose form is what is looked at."""


async def _failing(_: Context, __: types.CallToolRequestParams) -> Called:
    return types.CallToolResult(content=[text("This tool intentionally returns an error for testing")], is_error=True)


async def _logging(context: Context, _: types.CallToolRequestParams) -> Called:
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message("info", words, related_request_id=context.request_id)
        await asyncio.sleep(PAUSE_SECONDS)
    return said("it has logged")


async def _progressing(context: Context, _: types.CallToolRequestParams) -> Called:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100)
        await asyncio.sleep(PAUSE_SECONDS)
    return said("it has told how far it is")


TOOLS: dict[str, Tool] = {
    **{name: _returning(contents) for name, contents in CONTENTS.items()},
    "test_error_handling": _failing,
    "test_tool_with_logging": _logging,
    "test_logging_tool": _logging,
    "test_tool_with_progress": _progressing,
    **{name: _returning([text(name)]) for name in SCHEMAS},
    **ASKING,
}


def _listed(name: str) -> types.Tool:
    return types.Tool(name=name, description=f"{name} of the suite", input_schema=SCHEMAS.get(name, {"type": "object"}))


async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[_listed(name) for name in TOOLS])


async def call_tool(context: Context, params: types.CallToolRequestParams) -> Called:
    if params.name not in TOOLS:
        raise MCPError(types.INVALID_PARAMS, "there is no such tool")
    return await TOOLS[params.name](context, params)


async def list_resources(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    kinds = {STATIC: "text/plain", BINARY: "image/png", WATCHED: "text/plain"}
    return types.ListResourcesResult(
        resources=[
            types.Resource(uri=uri, name=uri, description=f"{uri} of the suite", mime_type=kind)
            for uri, kind in kinds.items()
        ]
    )


async def list_templates(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(
        uri_template="test://template/{id}/data",
        name="template",
        description="with an id",
        mime_type="application/json",
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def read_resource(_: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[_contents(params.uri)])


def _contents(uri: str) -> types.TextResourceContents | types.BlobResourceContents:
    if uri == BINARY:
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    if uri in {STATIC, WATCHED}:
        words = "This is the content of the static text resource."
        return types.TextResourceContents(uri=uri, mime_type="text/plain", text=words)
    parts = urlsplit(uri)
    match parts.path.split("/"):
        case ["", number, "data"] if parts.netloc == "template":
            data = {"id": number, "templateTest": True, "data": f"Data for ID: {number}"}
            return types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
    raise MCPError(types.INVALID_PARAMS, "there is no such resource", {"uri": uri})


async def take(_: Context, __: object) -> types.EmptyResult:
    """Take what needs no answer."""
    return types.EmptyResult()


PROMPTS = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


async def list_prompts(_: Context, __: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=name,
                description=f"{name} of the suite",
                arguments=[types.PromptArgument(name=each, description=each, required=True) for each in arguments],
            )
            for name, arguments in PROMPTS.items()
        ]
    )


async def get_prompt(
    _: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    given = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            return _prompt(text("This is a simple prompt for testing."))
        case "test_prompt_with_arguments":
            return _prompt(text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))
        case "test_prompt_with_embedded_resource":
            resource = embedded(given["resourceUri"], "Embedded resource content for testing.")
            return _prompt(resource, text("Please process the embedded resource above."))
        case "test_prompt_with_image":
            return _prompt(image(), text("Please analyze the image above."))
        case "test_input_required_result_prompt":
            if params.input_responses:
                return _prompt(text("That is the context."))
            asked = form("What context should the prompt use?", one_field("context", "string"))
            return types.InputRequiredResult(input_requests={"user_context": asked})
        case _:
            pass
    raise MCPError(types.INVALID_PARAMS, "there is no such prompt")


def _prompt(*contents: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=each) for each in contents])


async def complete(_: Context, __: types.CompleteRequestParams) -> types.CompleteResult:
    return types.CompleteResult(completion=types.Completion(values=["paris", "park", "party"], total=3))


def create_server(_: object) -> Server[Any]:
    """Make it, in the place of the line's own."""
    return Server(
        "suite",
        version="1",
        get_tool_input_schema=SCHEMAS.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_subscribe_resource=take,
        on_unsubscribe_resource=take,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=take,
    )
