"""Real programs that speak MCP, each with what its configuration looks like, and how it is run once, by nobody."""
