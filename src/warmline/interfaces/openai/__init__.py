"""OpenAI-compatible: chat completions whose model is a memory or a mailbox, for programs that speak nothing else."""
