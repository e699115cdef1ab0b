"""Waking an idle agent when messages wait for it.

habits.py says when it may be woken, diary.py keeps when it was, waking.py comes to the next wake; texts.py is what is
put beside each client for that, pieces.py puts it there and takes it out. None of them knows the daemon.
"""
