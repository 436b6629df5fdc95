"""Generations of the Google plugin that the reference agent can run with, each in an environment of its own.

`<generation>.txt` lists every package of one, for each Python that loadtest runs on, with its hashes.
"""
