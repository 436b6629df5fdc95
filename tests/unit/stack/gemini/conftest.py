"""A session on virtual time: audio and time go in, what it sends and writes comes out with its time."""

from __future__ import annotations

import dataclasses
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import trustme
from numpy.typing import NDArray

from loadtest.scenario.endpoint import Api, EndpointProfile
from loadtest.stack.gemini import messages, recordings
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.draws import Draws
from loadtest.stack.gemini.hazards import Hazards
from loadtest.stack.gemini.plan import Close
from loadtest.stack.gemini.recordings import Recording, Recordings
from loadtest.stack.gemini.server import Config, Simulator
from loadtest.stack.gemini.session import Session
from loadtest.stack.gemini.state import Action, CallState, HalfOpen, LatePongs, Send, Snapshot, Truth
from tests.unit.stack.gemini.served import Served

RATE = 16_000
CHUNK = 800
START = 1000.0
SETUP = messages.Setup("models/m", ("AUDIO",), None, True, True, True, False)


def profile(**changes: Any) -> EndpointProfile:
    """A profile without chance: replies 300 ms after the detected end, faults as given."""
    plain = {"version": 1, "model": "m", "reply_delay": {"distribution": "constant", "value_ms": 300}}
    return EndpointProfile.model_validate(plain | changes)


def speech(seconds: float, *, level: float = 0.05) -> NDArray[np.int16]:
    """Noise shaped to nothing: what the detector must take for speech, its edges known to the sample."""
    noise = np.random.default_rng(7).normal(0.0, level, round(seconds * RATE))
    return np.clip(noise * 32767, -32768, 32767).astype(np.int16)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), dtype=np.int16)


UTTERANCE = (silence(0.2), speech(0.4), silence(0.4))
QUICK = {"reply_delay": {"distribution": "constant", "value_ms": 20}, "end_of_speech_silence_ms": 200}


@dataclass
class Drive:
    """Runs one session. `sent` and `truth` hold (seconds since the start, what)."""

    session: Session
    handles: dict[str, Snapshot]
    now: float = START
    sent: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    truth: list[tuple[float, Truth]] = field(default_factory=list)
    closes: list[tuple[float, Close]] = field(default_factory=list)
    ordered: list[tuple[float, HalfOpen | LatePongs]] = field(default_factory=list)

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            at = self.now - START
            if isinstance(action, Send):
                self.sent.append((at, json.loads(action.payload)))
            elif isinstance(action, Truth):
                self.truth.append((at, action))
            elif isinstance(action, Close):
                self.closes.append((at, action))
            else:
                self.ordered.append((at, action))

    def open(self) -> Drive:
        self.take(self.session.opened(self.now))
        return self

    def wait(self, seconds: float) -> Drive:
        """Lets time pass."""
        until = self.now + seconds
        while (due := self.session.next_due) is not None and due <= until:
            self.now = max(self.now, due)
            self.take(self.session.on_time(self.now))
        self.now = until
        return self

    def hear(self, *pieces: NDArray[np.int16]) -> Drive:
        """The caller's audio, a chunk every 50 ms."""
        samples = np.concatenate(pieces)
        for at in range(0, samples.size, CHUNK):
            self.wait(CHUNK / RATE)
            self.tell(messages.Audio(samples[at : at + CHUNK]))
        return self

    def tell(self, message: messages.ClientMessage) -> Drive:
        self.take(self.session.on_message(message, self.now))
        return self

    def ask(self) -> Drive:
        """The client asks for a reply."""
        return self.tell(messages.Content(model_turns=0, turn_complete=True))

    def kinds(self) -> list[str]:
        """What was sent, repeats folded."""
        names: list[str] = []
        for _, message in self.sent:
            content = message.get("serverContent")
            name = next(iter(content)) if content else next(iter(message))
            if name == "sessionResumptionUpdate":
                name = "handle" if message[name].get("resumable") else "no handle"
            if not names or names[-1] != name:
                names.append(name)
        return names

    def audio_parts(self) -> list[float]:
        """When each audio part was sent."""
        return [at for at, message in self.sent if "modelTurn" in message.get("serverContent", {})]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The truth lines of one type, times in seconds since the start."""
        return [
            {k: v - START if k in ("at_s", "detected_s") else v for k, v in line.fields.items()}
            for _, line in self.truth
            if line.type == kind
        ]


@pytest.fixture(scope="session")
def recorded() -> dict[Api, Recordings]:
    return {"gemini": recordings.load(43), "vertex": recordings.load(262)}


@pytest.fixture
def drive(recorded: dict[Api, Recordings]) -> Callable[..., Drive]:
    """Makes an opened session: drive(profile, api=..., call=..., setup=..., connection=..., model_turns=...)."""

    def make(
        settings: EndpointProfile | None = None,
        *,
        api: Api = "gemini",
        call: CallState | None = None,
        setup: messages.Setup = SETUP,
        connection: int = 1,
        model_turns: int = 0,
        poisoned: bool = False,
        asking: Asking | None = None,
        seed: int = 1,
    ) -> Drive:
        settings = settings or profile()
        call = call or CallState("c1", "c1")
        draws = Draws(seed, "preview", call.key)
        hazards = Hazards(settings.faults, draws, call, connection)
        handles: dict[str, Snapshot] = {}

        def issue(snapshot: Snapshot) -> str:
            handles[f"h{len(handles)}"] = snapshot
            return f"h{len(handles) - 1}"

        session = Session(
            settings,
            api,
            setup,
            recorded[api],
            draws,
            hazards,
            call,
            issue,
            START,
            model_turns,
            poisoned,
            asking or Asking(),
        )
        return Drive(session, handles).open()

    return make


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(
    authority: trustme.CA, recorded: dict[Api, Recordings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Starts a simulator whose recordings are half a second long: serve(arm=changes to the profile, ...)."""
    by_length = {43: recorded["gemini"], 262: recorded["vertex"]}

    def short(part_ms: float, **_: object) -> Recordings:
        def cut(of: tuple[Recording, ...]) -> tuple[Recording, ...]:
            return tuple(dataclasses.replace(one, parts=one.parts[: round(500 / part_ms)]) for one in of)

        whole = by_length[round(part_ms)]
        return Recordings(cut(whole.greetings[:1]), cut(whole.replies[:1]))

    monkeypatch.setattr(recordings, "load", short)
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(tmp_path / "cert.pem", append=number > 0)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    # As the reference agent is told whom to trust.
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def start(**arms: dict[str, Any]) -> tuple[Simulator, Served]:
        profiles = {name: profile(**(QUICK | changes)) for name, changes in (arms or {"quick": {}}).items()}
        config = Config(tmp_path / "truth", tmp_path / "cert.pem", tmp_path / "key.pem", "TOKEN", "KEY", 1, profiles)
        simulator = Simulator(config)
        return simulator, Served(await simulator.start(), tmp_path / "truth", trust)

    return start


@pytest_asyncio.fixture
async def served(serve: Callable[..., Any]) -> AsyncIterator[Served]:
    simulator, found = await serve()
    yield found
    await simulator.close()
