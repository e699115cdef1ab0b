r"""Named pipes as a transport: one FIFO at which clients knock, and two of its own for each connection.

PATH is the *rendezvous* (0600, its owner's alone): the instance reads lines of at most PIPE_BUF bytes there, which the
system never cuts or mixes. To connect, a client

1. makes two FIFOs in the same folder (0600), whose names begin with `.NAME.`, NAME being that of PATH,
2. holds both open for reading and writing, so that an instance which looks whether they are alive disturbs nothing,
3. writes `\n{"type":"open","requests":FIRST,"replies":SECOND}\n` to PATH in one call; the newline in front ends what
   somebody else may have left half written,
4. reads `{"type":"opened"}` on SECOND, or an `error` line. The names are gone by then, and it keeps one end of each.

From there on each connection is two streams of its own, and their ends tell of a peer that died. A shell needs none of
this: a request with `"reply_to":THIRD`, a FIFO (0600) in the same folder, is one connection that ends with its replies.

Nothing is said to who breaks these rules. FIFOs of the prefix that nobody holds open are those of clients that were
killed, and are removed. `lines` and `files` know no event loop, and neither do `opening` and `channel`, the blocking
client's side.
"""
