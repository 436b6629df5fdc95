"""Make the callee's lines again, or check that they are what this recipe makes.

    python scenarios/audio/recipe.py            writes the WAV files beside it
    python scenarios/audio/recipe.py --check    exits 1 if a file differs

Needs espeak-ng 1.51 on PATH (Debian, Ubuntu: apt install espeak-ng); other versions make other bytes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from loadtest.audio import voice


@dataclass(frozen=True)
class Utterance:
    name: str
    text: str
    voice: str
    words_per_minute: int = 165
    pitch: int = 50


WOMAN = "en-us+f3"
MAN = "en-gb-x-rp+m3"
SCOT = "en-gb-scotland+f2"
ELDERLY = "en-us+m7"

UTTERANCES = (
    # appointment.yaml
    Utterance(
        "book-appointment", "Hello, yes, speaking. I would like to book an appointment for Tuesday, please.", WOMAN
    ),
    Utterance("morning-or-afternoon", "Do you have anything in the morning, or only in the afternoon?", WOMAN),
    Utterance("yes-please", "Yes, please.", WOMAN),
    Utterance("how-much", "And how much is that going to cost?", WOMAN),
    Utterance("spell-name", "My name is Morgan. That is M, O, R, G, A, N.", WOMAN),
    Utterance("confirm-by-message", "Great. Could you send me a message to confirm the time and the address?", WOMAN),
    Utterance("hello-are-you-there", "Hello? Are you there?", WOMAN),
    Utterance("sorry-still-there", "Sorry, I did not catch anything. Are you still there?", WOMAN),
    Utterance("goodbye", "Thank you very much. Goodbye.", WOMAN),
    # short.yaml
    Utterance("who-is-calling", "Hello. Who is calling, please?", MAN),
    Utterance("what-is-it-about", "All right. Can you tell me in one sentence what this is about?", MAN),
    Utterance("can-you-hear-me", "Hello? Can you hear me?", MAN),
    Utterance("line-went-quiet", "The line has gone quiet. Is anybody there?", MAN),
    Utterance("bye", "Okay, bye.", MAN),
    # parcel.yaml
    Utterance("where-is-my-parcel", "Can you look up where my parcel is? The number is four seven one one.", MAN),
    # further voices, for scripts of one's own
    Utterance("not-interested", "I am not interested, thanks.", SCOT, 175),
    Utterance(
        "call-back-tomorrow", "I am driving just now. Could you call me back tomorrow, some time after ten?", SCOT, 175
    ),
    Utterance("please-repeat", "Pardon? Could you say that again, a little slower?", ELDERLY, 140, 35),
    Utterance("yes", "Yes.", ELDERLY, 130, 35),
)


def render(utterance: Utterance) -> bytes:
    """The WAV file: 16 kHz mono, 16 bit."""
    return voice.render(
        utterance.text, utterance.voice, words_per_minute=utterance.words_per_minute, pitch=utterance.pitch
    )


def main() -> int:
    here = Path(__file__).parent
    differing = 0
    for utterance in UTTERANCES:
        path, made = here / f"{utterance.name}.wav", render(utterance)
        if "--check" not in sys.argv[1:]:
            path.write_bytes(made)
        elif not path.exists() or path.read_bytes() != made:
            sys.stderr.write(f"{path.name}: not what the recipe makes\n")
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
