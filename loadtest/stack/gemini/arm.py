"""What one arm's endpoint keeps beyond a connection: its calls, their handles, and who reconnects too often."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.bounds import Loops, Ration
from loadtest.stack.gemini.recordings import Recordings
from loadtest.stack.gemini.state import CallState, Snapshot
from loadtest.stack.gemini.truth import TruthFile

__all__ = ["Arm"]

# Far more than any call resumes with: the oldest are forgotten first.
HANDLES_A_CALL = 100
HANDLES = 100_000


@dataclass(slots=True)
class Arm:
    """The endpoint of one arm."""

    name: str
    profile: EndpointProfile
    recordings: dict[Api, Recordings]
    asking: Asking
    connections: int = 0
    loops: Loops = field(default_factory=Loops)
    rations: dict[str, Ration] = field(default_factory=dict)
    """By id of the call, of those that are named."""
    _calls: dict[str, CallState] = field(default_factory=dict)
    _handles: dict[str, Snapshot] = field(default_factory=dict)

    def call(self, call_id: str | None, connection_id: str) -> CallState:
        """The call that a client names; a new one when it names none."""
        if call_id is None:
            return CallState(None, connection_id)
        return self._calls.setdefault(call_id, CallState(call_id, call_id))

    def issue(self, snapshot: Snapshot) -> str:
        """A handle that resumes the snapshot."""
        handle = secrets.token_urlsafe(24)
        of_call = snapshot.call.handles
        of_call.append(handle)
        if len(of_call) > HANDLES_A_CALL:
            self._handles.pop(of_call.popleft(), None)
        if len(self._handles) >= HANDLES:
            del self._handles[next(iter(self._handles))]
        self._handles[handle] = snapshot
        return handle

    def resumed(self, handle: str | None) -> Snapshot | None:
        """What a handle restores; None when it is not known."""
        return None if handle is None else self._handles.get(handle)

    def account(self, now: float, truth: TruthFile) -> None:
        """Writes what was left out of the truth and has not been told yet."""
        for call_id, ration in self.rations.items():
            for kind, fields in ration.rest():
                about = {"connection_id": None, "call_id": call_id, "arm": self.name, "model": self.profile.model}
                truth.write(now, kind, {**about, **fields})
