"""One call: its room, its ringing, and the callee who follows the script.

`dial` places the call; `callee` decides, without a network, what the callee does; `line` is the audio in both
directions on one sample clock (`channel`, `recorder`); `room` is all that knows LiveKit's SDK besides `line`.
"""
