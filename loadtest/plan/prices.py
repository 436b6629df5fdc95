"""What calls to Google's models cost, as published: read from prices.yaml, and applied to the length of a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from loadtest.scenario.arms import Api, Arm

__all__ = ["ASSUMPTIONS", "Price", "call_usd", "price_of", "prices"]

FILE: Final = Path(__file__).with_name("prices.yaml")
SETUP_TEXT: Final = 1000
"""Text tokens of instructions and tools."""
REPLY_TEXT: Final = 200
"""Text tokens of a reply: its transcript, and what the model thought."""
UNSEEN: Final = 1.5
"""Turns of the model that are not seen from outside: tool calls, replies to noise."""

ASSUMPTIONS: Final = (
    "every reply is charged for all that is in the session's context by then, as Google bills it",
    "the agent hears from the dial on and speaks all the time; silence is charged like speech",
    f"instructions of {SETUP_TEXT} tokens, {REPLY_TEXT} of text a reply, half as much again for what is not seen",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens, and the tokens of a second of audio."""

    as_of: date
    source: str
    text_in: float
    audio_in: float
    text_out: float
    audio_out: float
    heard_per_s: float
    spoken_per_s: float


@cache
def prices() -> dict[tuple[Api, str], Price]:
    """All prices, by API and model."""
    found: dict[tuple[Api, str], Price] = {}
    for entry in YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))["prices"]:
        tokens = entry["tokens_per_s"]
        price = Price(
            **{name: entry[name] for name in ("as_of", "source", "text_in", "audio_in", "text_out", "audio_out")},
            heard_per_s=tokens["heard"],
            spoken_per_s=tokens["spoken"],
        )
        found |= {(Api(entry["api"]), model): price for model in entry["models"]}
    return found


def price_of(arm: Arm) -> Price | None:
    """The price of an arm's model; None if it is not known."""
    return prices().get((arm.api, arm.model))


def call_usd(price: Price, *, session_s: float, talk_s: float, replies: int) -> float:
    """What one call costs at most, estimated, in US dollars.

    session_s: from the dial to the hang-up; talk_s: from the answer; replies: turns of the model, spread evenly over
    the session. Each is charged for the whole context, so the cost of a call grows with the square of its length.
    """
    heard, spoken = price.heard_per_s * session_s, price.spoken_per_s * talk_s
    # With n replies, reply k finds k/n of the call in its context: together (n + 1) / 2 times the whole.
    audio_in = (heard + spoken) * (replies + 1) / 2 if replies else 0.0
    text_in = SETUP_TEXT * replies + REPLY_TEXT * replies * (replies - 1) / 2
    charged = (
        audio_in * price.audio_in
        + text_in * price.text_in
        + (spoken * price.audio_out if replies else 0.0)
        + REPLY_TEXT * replies * price.text_out
    )
    return UNSEEN * charged / 1e6
