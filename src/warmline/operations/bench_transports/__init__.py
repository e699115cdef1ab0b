"""`bench transports`: the ways to reach a persistent instance, and a process a question, as measured figures.

Beside each way stands the bare transport, measured in the same run: a blocking server and its clients, in processes of
their own, which send lines there and back and do nothing else. `measuring.py` joins the parts.
"""
