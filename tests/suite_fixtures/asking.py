"""Tools that ask their caller for something: by requests of their own as it once was, or by results that say so."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from suite_fixtures.contents import text

Context = ServerRequestContext[Any, Any]
Called = types.CallToolResult | types.InputRequiredResult
Tool = Callable[[Context, types.CallToolRequestParams], Awaitable[Called]]

SECRET = b"of this process"
JUST_NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
    "required": [],
}

_TITLED = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)]
_OPTIONS = ["option1", "option2", "option3"]
ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _OPTIONS},
        "titledSingle": {"type": "string", "oneOf": _TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
        "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    },
    "required": [],
}
USER = {
    "type": "object",
    "properties": {"username": {"type": "string"}, "email": {"type": "string"}},
    "required": ["username", "email"],
}


def said(words: str) -> types.CallToolResult:
    """Return a result that is a text."""
    return types.CallToolResult(content=[text(words)])


def eliciting(schema: dict[str, Any], begun: str) -> Tool:
    """Make a tool that asks its caller's person to fill this in."""

    async def tool(context: Context, params: types.CallToolRequestParams) -> Called:
        message = str((params.arguments or {}).get("message", "Please fill this in"))
        done = await context.session.elicit_form(message, schema, related_request_id=context.request_id)
        return said(f"{begun}: action={done.action}, content={done.content}")

    return tool


async def sampling(context: Context, params: types.CallToolRequestParams) -> Called:
    """Ask the caller's model."""
    prompt = types.SamplingMessage(role="user", content=text(str((params.arguments or {}).get("prompt"))))
    done = await context.session.create_message([prompt], max_tokens=100, related_request_id=context.request_id)
    return said(f"LLM response: {done.content.text if isinstance(done.content, types.TextContent) else ''}")


def form(message: str, schema: dict[str, Any]) -> types.ElicitRequest:
    """Return a request to the caller's person, as a result carries it."""
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str, max_tokens: int) -> types.CreateMessageRequest:
    """Return a request to the caller's model, as a result carries it."""
    message = types.SamplingMessage(role="user", content=text(prompt))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


def one_field(name: str, kind: str) -> dict[str, Any]:
    """Return the schema of an object with one field."""
    return {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}


def sealed(state: str) -> str:
    """Return a state that cannot be changed unseen."""
    return f"{state}.{hmac.new(SECRET, state.encode(), hashlib.sha256).hexdigest()}"


def opened(shown: str | None) -> str | None:
    """Return the state; None: none was shown. Raises MCPError when it was changed."""
    if shown is None:
        return None
    state = shown.rpartition(".")[0]
    if not hmac.compare_digest(sealed(state), shown):
        raise MCPError(types.INVALID_PARAMS, "the request's state was changed")
    return state


def requiring(asked: types.InputRequests, *, state: str | None = None, words: str = "done") -> Tool:
    """Make a tool that wants all of this, each answered in its form, before it says its words."""

    async def tool(_: Context, params: types.CallToolRequestParams) -> Called:
        shown, given = opened(params.request_state), params.input_responses or {}
        if all(_fits(asked[name], given.get(name)) for name in asked) and shown == state:
            return said(f"{words} {[given[name].model_dump(mode='json') for name in asked]}")
        return types.InputRequiredResult(input_requests=asked, request_state=None if state is None else sealed(state))

    return tool


def _fits(asked: types.InputRequest, given: types.InputResponse | None) -> bool:
    if isinstance(asked, types.ElicitRequest):
        return isinstance(given, types.ElicitResult) and (given.action != "accept" or given.content is not None)
    if isinstance(asked, types.ListRootsRequest):
        return isinstance(given, types.ListRootsResult)
    return isinstance(given, types.CreateMessageResult | types.CreateMessageResultWithTools)


NAME: types.InputRequests = {"user_name": form("What is your name?", JUST_NAME)}
ROOTS: types.InputRequests = {"client_roots": types.ListRootsRequest()}


async def multi_round(_: Context, params: types.CallToolRequestParams) -> Called:
    """Ask twice, one after the other."""
    given = params.input_responses or {}
    match opened(params.request_state):
        case "1" if "step1" in given:
            step = form("Step 2: What is your favorite color?", one_field("color", "string"))
            return types.InputRequiredResult(input_requests={"step2": step}, request_state=sealed("2"))
        case "2" if "step2" in given:
            return said("both steps are done")
    step = form("Step 1: What is your name?", JUST_NAME)
    return types.InputRequiredResult(input_requests={"step1": step}, request_state=sealed("1"))


async def what_it_can(context: Context, params: types.CallToolRequestParams) -> Called:
    """Ask for what the caller says that it can give, and for nothing else."""
    can = context.session.client_capabilities or types.ClientCapabilities()
    asked: types.InputRequests = {
        **(NAME if can.elicitation is not None else {}),
        **({"greeting": sample("Generate a greeting", 50)} if can.sampling is not None else {}),
        **(ROOTS if can.roots is not None else {}),
    }
    return await requiring(asked)(context, params)


async def missing_capability(context: Context, _: types.CallToolRequestParams) -> Called:
    """Want sampling, which the caller must say that it has."""
    needed = types.ClientCapabilities(sampling=types.SamplingCapability())
    if not context.session.check_client_capability(needed):
        data: dict[str, dict[str, object]] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "the client has no sampling", data)
    return said("the client has sampling")


ASKING: dict[str, Tool] = {
    "test_sampling": sampling,
    "test_elicitation": eliciting(USER, "User response"),
    "test_elicitation_sep1034_defaults": eliciting(DEFAULTS, "Elicitation completed"),
    "test_elicitation_sep1330_enums": eliciting(ENUMS, "Elicitation completed"),
    "test_input_required_result_elicitation": requiring(NAME, words="Hello"),
    "test_input_required_result_sampling": requiring(
        {"capital_question": sample("What is the capital of France?", 100)}
    ),
    "test_input_required_result_list_roots": requiring(ROOTS),
    "test_input_required_result_request_state": requiring(
        {"confirm": form("Please confirm", one_field("ok", "boolean"))}, state="s", words="state-ok"
    ),
    "test_input_required_result_tampered_state": requiring(
        {"confirm": form("Please confirm", one_field("ok", "boolean"))}, state="s", words="state-ok"
    ),
    "test_input_required_result_multiple_inputs": requiring(
        {**NAME, "greeting": sample("Generate a greeting", 50), **ROOTS}, state="s"
    ),
    "test_input_required_result_multi_round": multi_round,
    "test_input_required_result_capabilities": what_it_can,
    "test_missing_capability": missing_capability,
    "test_streaming_elicitation": requiring(NAME),
}
