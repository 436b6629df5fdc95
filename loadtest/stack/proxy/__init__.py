"""The proxy between LiveKit and the agents that dial by themselves.

An agent finds it at its LIVEKIT_URL. Everything passes through as it is (`passthrough`), except that two methods of
LiveKit's SIP service are answered here (`sip`): a call is put through to the run's own callee instead of to a trunk,
and fails as one on a trunk fails (`twirp`, `dial_errors`). Media does not pass it.
"""
