"""A run while it lasts: the stack, the warm-up, the open-loop dialler, the fleet of callee processes, health, progress.

Nothing here computes a figure that is reported: `loadtest.measure` does, from what the run leaves on disk.
"""
