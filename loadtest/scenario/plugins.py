"""The generations of livekit-plugins-google that the reference agent can run with."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["PLUGIN_GENERATIONS", "PluginGeneration"]

PluginGeneration = Literal["1.6.0", "1.8.9"]
PLUGIN_GENERATIONS: tuple[str, ...] = get_args(PluginGeneration)
"""loadtest/stack/generations lists the packages of each."""
