"""The Gemini Live simulator: BidiGenerateContent over TLS, for the unmodified google-genai client.

    server      one port: the arms' endpoints and the control of the process
    connection  one websocket: carries messages and time in, actions out
    session     one Live session, a state machine without I/O
      hearing     the caller's audio: detector (utterances) and arrival (when a sample was due)
      plan        everything that is sent for one model turn, and when
    hazards     when faults strike, seeded per call; faults: what each does
    truth       what really happened, for checking the measurement against

A new fault is a line in `loadtest.scenario.endpoint.FAULTS` and a function in `faults`: a change to the plan of a turn
(TURN), something at an age of the connection (CLOCK), or an answer to a connect (CONNECT).
"""
