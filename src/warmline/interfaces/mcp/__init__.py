"""MCP: the line as tools, resources and a prompt of the Model Context Protocol, in all its eras, at /mcp."""
