"""What agents' logs tell of an incident: facts -> calls -> figures by model -> what to rehearse.

What a log does not tell is None here, or counted as unknown, never 0.
"""
