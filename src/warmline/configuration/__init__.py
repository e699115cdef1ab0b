"""`warmline.toml`: which agents there are, and where the instance listens.

A person writes it, or `warmline agents` does; nothing else names a program.

    fallback = true                 # whether `extractive` answers while every agent is down

    [agents.claude]                 # one table an agent; its keys are those of `keys.py`
    program = "/usr/local/bin/claude"

    [listen]                        # where other programs connect; its keys are those of `listening.py`
    unix = "/run/user/1000/warmline.line"

This part knows the file, and nothing of what becomes of an agent.
"""

from __future__ import annotations
