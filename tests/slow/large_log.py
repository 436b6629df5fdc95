"""A log of an agent's worker of any length, to see what reading it takes:

    python -m tests.slow.large_log /tmp/large.log --megabytes 1000
    /usr/bin/time -v taskset -c 0 loadtest incident /tmp/large.log

is a gigabyte, for which `loadtest incident` has 60 s and 300 MB on one core. --form text: what `dev` mode prints.
--chatter: entries that tell nothing, for each that tells something; a worker at level DEBUG has dozens.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Final

START_S: Final = datetime(2026, 11, 23, 6, tzinfo=UTC).timestamp()
MODELS: Final = ("gemini-3.1-flash-live-preview", "gemini-3.8-live")
CALLS_AT_ONCE: Final = 8
TRACE: Final = """\
Traceback (most recent call last):
  File "site-packages/google/genai/live.py", line 537, in _receive
    raw_response = await self._ws.recv(decode=False)
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "site-packages/websockets/asyncio/connection.py", line 324, in recv
    raise self.protocol.close_exc from self.recv_exc
websockets.exceptions.ConnectionClosedError: received 1011 (internal error) Internal error encountered.; then sent 1011

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "site-packages/livekit/plugins/google/realtime/realtime_api.py", line 1005, in _recv_task
    async for response in session.receive():
google.genai.errors.APIError: 1011 None. Internal error encountered."""
CHATTER: Final = (
    "received response",
    "speech playout finished",
    "tts flush, 12 frames in the queue",
    "vad inference is slower than realtime",
    "http 200 GET /healthz",
    "crm: customer record loaded from cache",
)
Told = tuple[float, str, dict[str, object]]


def call(draws: random.Random, number: int, start_s: float) -> Iterator[Told]:
    """What one call logs that tells something."""
    ids = {"job_id": f"AJ_{draws.getrandbits(64):016x}", "room": f"outbound-{draws.getrandbits(32):08x}", "pid": number}
    model = {"model_name": MODELS[number % 2]}
    at_s = start_s

    def connect(at_s: float) -> Told:
        text = "REALTIME ttft=-1000ms duration=0ms in_tok=0 out_tok=0"
        return at_s, text, {"request_id": "", "acquire_time": draws.uniform(0.02, 0.4), **model, **ids}

    yield at_s, "received job request", {k: v for k, v in ids.items() if k != "pid"}
    yield connect(at_s + 0.4)
    for _ in range(draws.randrange(6, 20)):
        at_s += draws.uniform(4, 9)
        yield at_s, f"EOU speech=speech_{draws.getrandbits(48):012x}", ids
        if draws.random() < 0.015:
            at_s += draws.uniform(0.2, 1.5)
            yield at_s, f"error in receive task: 1011 None. Internal error encountered.\n{TRACE}", ids
            yield connect(at_s + draws.uniform(0.1, 0.4))
            continue
        at_s += draws.uniform(1.5, 3.5)
        text = f"REALTIME ttft={draws.randrange(300, 1200)}ms duration=1834ms in_tok=50 out_tok=38"
        yield at_s, text, {"request_id": f"GR_{draws.getrandbits(48):012x}", "output_audio_tokens": 38, **model, **ids}
    yield at_s + 3, "closing agent session due to participant disconnect", {**ids, "reason": "CLIENT_INITIATED"}
    yield at_s + 3.4, "process exiting", {**ids, "reason": "session closed: participant_disconnected"}


def large_log(path: Path, *, megabytes: float, form: str, chatter: int, seed: int = 1) -> int:
    """Write it. Returns how many calls it has."""
    draws = random.Random(seed)
    lanes = [chain.from_iterable(_lane(draws, lane)) for lane in range(CALLS_AT_ONCE)]
    heads = [next(lane) for lane in lanes]
    written = calls = 0
    line = _json if form == "json" else _text
    with path.open("w") as out:
        while written < megabytes * 1e6:
            first = min(range(CALLS_AT_ONCE), key=lambda lane: heads[lane][0])
            at_s, message, fields = heads[first]
            heads[first] = next(lanes[first])
            calls += message == "received job request"
            others = (
                line(at_s, f"{draws.choice(CHATTER)} {draws.getrandbits(256):064x}", {**fields, "level": "DEBUG"})
                for _ in repeat(None, draws.randrange(2 * chatter + 1))
            )
            for text in (line(at_s, message, fields), *others):
                written += out.write(text)
    return calls


def _lane(draws: random.Random, lane: int) -> Iterator[Iterator[Told]]:
    start_s = START_S + lane
    for number in range(10**9):
        told = list(call(draws, 1000 * lane + number % 1000, start_s))
        start_s = told[-1][0] + 2
        yield iter(told)


def _json(at_s: float, message: str, fields: dict[str, object]) -> str:
    stamp = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")
    return json.dumps({"message": message, "level": "INFO", "name": "agent", **fields, "timestamp": stamp}) + "\n"


def _text(at_s: float, message: str, fields: dict[str, object]) -> str:
    stamp = datetime.fromtimestamp(at_s, UTC).isoformat(sep=" ", timespec="milliseconds")[:-6].replace(".", ",")
    return f"{stamp} - INFO agent - {message} {json.dumps(fields)}\n"


def main() -> None:
    """Write a log."""
    parser = argparse.ArgumentParser(description="Write a log of an agent's worker.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--form", choices=["json", "text"], default="json")
    parser.add_argument("--chatter", type=int, default=9)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    calls = large_log(
        chosen.path, megabytes=chosen.megabytes, form=chosen.form, chatter=chosen.chatter, seed=chosen.seed
    )
    print(f"{calls} calls")  # noqa: T201


if __name__ == "__main__":
    main()
