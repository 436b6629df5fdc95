"""The Gemini Live simulator: BidiGenerateContent over TLS, for the unmodified google-genai client.

    server      one port: the arms' endpoints and the control of the process
    connection  one websocket: carries messages and time in, actions out
    session     one Live session, a state machine without I/O
      hearing     the caller's audio: detector (utterances), arrival (when a sample was due) and asking (the line that
                  asks for the agent's tool)
      plan        everything that is sent for one model turn, and when
      tools       the functions that the client declares, and calls of them
    hazards     when faults strike, seeded per call; faults: what each does
    truth       what really happened, for checking the measurement against

A new fault is an entry in `loadtest.scenario.faults` and a function in the package `faults`.
"""
