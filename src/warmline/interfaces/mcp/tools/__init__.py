"""The tools, by noun. Each file offers its own into one table."""

from __future__ import annotations

from warmline.interfaces.mcp.offering import Offers
from warmline.interfaces.mcp.tools.legacy import LEGACY
from warmline.interfaces.mcp.tools.memory import MEMORY
from warmline.interfaces.mcp.tools.messages import MESSAGES
from warmline.interfaces.mcp.tools.people import PEOPLE
from warmline.interfaces.mcp.tools.questions import QUESTIONS

OFFERS: Offers = {**QUESTIONS, **MEMORY, **MESSAGES, **PEOPLE, **LEGACY}
"""All of them, in the order in which they are listed: what is wanted most comes first."""
