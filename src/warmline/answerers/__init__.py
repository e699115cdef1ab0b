"""Answerers: whoever turns a question and its passages into a draft."""
