"""A simulated model: a server on 127.0.0.1 that speaks the Anthropic Messages dialect, with a prefix cache and faults.

It understands nothing and costs nothing: it finds the lines of the memory in its prompt that hold most of the
question's words, and quotes them. What it does honestly is what a line of agents has to reckon with: how long a prompt
of this length takes, what the cache keeps, what fails and how that looks. `python -m warmline.simulation` starts it.
"""
