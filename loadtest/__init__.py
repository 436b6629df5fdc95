"""Synthetic outbound-call load tester for LiveKit voice agents on Gemini Live."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("loadtest")
