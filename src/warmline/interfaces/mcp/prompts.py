"""The one prompt: ask the memory, as a person would from the client's menu."""

from __future__ import annotations

import mcp_types as types
from mcp.shared.exceptions import MCPError

from warmline.interfaces.mcp.offering import Context

ASK_MEMORY = types.Prompt(
    name="ask_memory",
    title="Ask the memory",
    description="Answer a question from the project's shared memory, with its sources",
    arguments=[types.PromptArgument(name="question", description="what you want to know", required=True)],
)

TEXT = (
    "Call the tool `ask` of warmline with this question, word for word, and answer from what it returns. Name its"
    " sources as path:first-last. If it finds nothing, say so, and do not guess.\n\nQuestion: {question}"
)


async def list_prompts(_: Context, __: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    """List it."""
    return types.ListPromptsResult(prompts=[ASK_MEMORY])


async def get_prompt(_: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    """Return it with its question. Raises MCPError."""
    question = (params.arguments or {}).get("question", "").strip()
    if params.name != ASK_MEMORY.name:
        raise MCPError(types.INVALID_PARAMS, f"there is no prompt {params.name!a}; there is {ASK_MEMORY.name}")
    if not question:
        raise MCPError(types.INVALID_PARAMS, "give it a question")
    text = types.TextContent(text=TEXT.format(question=question))
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])
