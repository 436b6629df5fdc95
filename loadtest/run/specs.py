"""From a planned call to what a callee process must know to place it."""

from __future__ import annotations

import hashlib

from loadtest.call.spec import CallSpec
from loadtest.numbers import own_numbers
from loadtest.plan.calls import PlannedCall
from loadtest.record.layout import RunFolder
from loadtest.run.stack import RunStack
from loadtest.run.warmup import dispatch_metadata
from loadtest.scenario.models import Scenario

__all__ = ["call_spec"]


def call_spec(
    call: PlannedCall,
    scenario: Scenario,
    stack: RunStack,
    folder: RunFolder,
    *,
    warmup: bool = False,
    taken_up: int = 0,
) -> CallSpec:
    """The call in the run of that folder, on its stack, which must have been started.

    taken_up: how often the run was taken up again: what was said of another try of the call is of another room.
    """
    arm = scenario.arms[call.arm]
    again = f"/{taken_up}" if taken_up else ""
    room_key = hashlib.sha256(f"{folder.run_id}/{call.call_id}{again}".encode()).hexdigest()[:8]
    by_agent = scenario.dial == "by_agent"
    numbers = own_numbers()
    number = call.number if numbers is None else numbers.hashed(call.number)
    return CallSpec(
        call=call,
        room=f"outbound-{room_key}-{number}",
        agent_name=stack.agent_name(call.arm),
        metadata=dispatch_metadata(
            call,
            model=arm.model,
            api=arm.api.value,
            base_url=stack.base_url(call.arm),
            voice=arm.voice,
            probe_dir=str(folder.probe.absolute()),
            own=arm.agent.metadata,
            to_dial=by_agent,
            transcripts=scenario.transcripts,
        ),
        dialled_by_agent=by_agent,
        warmup=warmup,
    )
