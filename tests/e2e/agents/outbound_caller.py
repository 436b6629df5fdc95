"""An outbound caller as LiveKit's documentation describes one: it dials the number of its dispatch by itself.

It knows nothing of who picks up: model, keys, addresses and the trunk come from the environment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os

from livekit import api, rtc
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    JobExecutorType,
    RunContext,
    cli,
    function_tool,
    get_job_context,
)
from livekit.plugins import google

logger = logging.getLogger("outbound-caller")
TRUNK = os.environ.get("SIP_OUTBOUND_TRUNK_ID", "ST_outbound")

# What is not from the documentation: many calls on a small and busy machine, each in a thread.
rtc.AudioResampler(48_000, 16_000)  # loads the SDK's library before two threads can do it at once
server = AgentServer(
    host="127.0.0.1",
    port=0,
    load_fnc=lambda: 0.0,
    num_idle_processes=8,
    job_executor_type=JobExecutorType.THREAD,
)


class OutboundCaller(Agent):
    def __init__(self, transfer_to: str | None) -> None:
        super().__init__(instructions="You call customers of a dentist to confirm their appointments.")
        self.transfer_to = transfer_to
        self.participant: rtc.RemoteParticipant | None = None

    @function_tool
    async def end_call(self, ctx: RunContext[None]) -> None:
        """Called when the customer wants to end the call."""
        await ctx.wait_for_playout()
        job = get_job_context()
        await job.api.room.delete_room(api.DeleteRoomRequest(room=job.room.name))

    @function_tool
    async def transfer_call(self, ctx: RunContext[None]) -> str:
        """Called when the customer wants to talk to a human."""
        if self.transfer_to is None or self.participant is None:
            return "cannot transfer the call"
        job = get_job_context()
        await job.api.sip.transfer_sip_participant(
            api.TransferSIPParticipantRequest(
                room_name=job.room.name,
                participant_identity=self.participant.identity,
                transfer_to=f"tel:{self.transfer_to}",
            )
        )
        return "transferred"


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    await ctx.connect()
    dial_info = json.loads(ctx.job.metadata)
    phone_number = dial_info["phone_number"]

    agent = OutboundCaller(dial_info.get("transfer_to"))
    session: AgentSession[None] = AgentSession(
        llm=google.realtime.RealtimeModel(model=os.environ["GEMINI_MODEL"]),
        vad=None,
        turn_handling={"turn_detection": "realtime_llm"},
    )
    # The model is ready before the customer picks up, so that nothing of what they say first is lost.
    starting = asyncio.create_task(session.start(agent=agent, room=ctx.room))
    try:
        await ctx.api.sip.create_sip_participant(
            api.CreateSIPParticipantRequest(
                room_name=ctx.room.name,
                sip_trunk_id=TRUNK,
                sip_call_to=phone_number,
                participant_identity=phone_number,
                wait_until_answered=True,
            )
        )
        await starting
        agent.participant = await ctx.wait_for_participant(identity=phone_number)
        logger.info("%s: %s picked up", ctx.room.name, agent.participant.identity)
    except api.TwirpError as error:
        logger.error(
            "%s: not put through: %s, SIP status %s %s",
            ctx.room.name,
            error.message,
            error.metadata.get("sip_status_code"),
            error.metadata.get("sip_status"),
        )
        await starting
        ctx.shutdown()


if __name__ == "__main__":
    cli.run_app(server)
