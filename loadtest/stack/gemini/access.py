"""Who may connect, and which setups are accepted: pure checks that answer as the real endpoints do."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.scenario.endpoint import Api
from loadtest.stack.gemini import messages
from loadtest.stack.gemini.plan import Close, cut_reason

__all__ = ["Route", "check_key", "check_setup", "model_not_found", "route"]

_GEMINI = re.compile(
    r"ws/google\.ai\.generativelanguage\.(v1|v1beta|v1alpha)\.GenerativeService\.BidiGenerateContent(Constrained)?"
)
_VERTEX = re.compile(r"ws/google\.cloud\.aiplatform\.(v1|v1beta1)\.LlmBidiService/BidiGenerateContent")


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for."""

    api: Api
    version: str


def route(path: str) -> Route | None:
    """The API behind a path (without the arm's prefix; doubled slashes are allowed), None when there is none."""
    wanted = re.sub(r"/+", "/", path).strip("/")
    if found := _GEMINI.fullmatch(wanted):
        return Route("gemini", found[1])
    if found := _VERTEX.fullmatch(wanted):
        return Route("vertex", found[1])
    return None


def check_key(headers: Mapping[str, str], query: Mapping[str, str], api: Api, api_key: str) -> int | Close | None:
    """None when the key is right; else an HTTP status for the upgrade, or a close after it."""
    token = headers.get("Authorization", "").partition(" ")[2]
    given = headers.get("x-goog-api-key") or query.get("key") or query.get("access_token") or token.strip()
    if given and hmac.compare_digest(given.removeprefix("auth_tokens/").encode(), api_key.encode()):
        return None
    if api == "vertex":
        return 401
    return Close(1007, "API key not valid. Please pass a valid API key.") if given else 403


def check_setup(message: messages.ClientMessage, asked: Route, model: str) -> messages.Setup | Close:
    """The setup, or the close that answers it. model: the only model that the endpoint serves."""
    if isinstance(message, messages.Invalid):
        return Close(1007, message.reason)
    if not isinstance(message, messages.Setup):
        return Close(1007, messages.INVALID_ARGUMENT)
    if message.model.rsplit("/", 1)[-1] != model:
        return model_not_found(message.model, asked)
    # The models served here speak and do nothing else.
    if tuple(modality.upper() for modality in message.modalities) not in ((), ("AUDIO",)):
        return Close(1007, messages.INVALID_ARGUMENT)
    return message


def model_not_found(model: str, asked: Route) -> Close:
    """The answer to a model that is not there, cut as close reasons are."""
    reason = f"{model} is not found for API version {asked.version}, or is not supported for bidiGenerateContent"
    return Close(1008, cut_reason(reason))
