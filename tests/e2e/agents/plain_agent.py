"""A Gemini voice agent as one finds it in LiveKit's documentation: it knows nothing of who calls it, or why."""

from livekit import agents
from livekit.agents import Agent, AgentServer, AgentSession
from livekit.plugins import google

# The two settings that are not from the documentation: several workers, and busy ones, share a machine here.
server = AgentServer(port=0, load_fnc=lambda: 0.0, num_idle_processes=1)


@server.rtc_session()
async def entrypoint(ctx: agents.JobContext) -> None:
    session: AgentSession[None] = AgentSession(
        llm=google.realtime.RealtimeModel(model="gemini-3.8-live", voice="Puck"),
        vad=None,
        turn_handling={"turn_detection": "realtime_llm"},
    )
    await session.start(room=ctx.room, agent=Agent(instructions="You are a helpful voice assistant."))
    await session.generate_reply(instructions="Greet the user.")


if __name__ == "__main__":
    agents.cli.run_app(server)
