"""Nights held against each other: what is watched, what is expected of tonight, and where it changed."""
