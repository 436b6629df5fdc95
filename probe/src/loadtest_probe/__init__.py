"""What a LiveKit agent carries so that loadtest can tell why the line went silent.

from loadtest_probe import attach

attach(session, ctx.room)  # before session.start
"""

from __future__ import annotations

from loadtest_probe.probe import Attachment, attach

__version__ = "0.1.0"
__all__ = ["Attachment", "__version__", "attach"]
