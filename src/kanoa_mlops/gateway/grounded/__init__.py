"""Answers that stand on documents: `file_search` and `grounding` in a request for a chat completion.

The request is searched for, rewritten and passed on like any other; what comes back is told what it cites.
Engines see neither field.
"""
