"""A model on 127.0.0.1 that calls the tools it is told to call, in the dialects that real clients speak."""
