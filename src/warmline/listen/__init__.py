"""Listen: how other programs reach a running instance: one protocol of lines without I/O, and four transports.

It knows connections, lines and requests, and nothing of stores or memories: who answers is handed in as a Desk.
The client's side stands here too, because it speaks the same protocol over the same transports.
"""
