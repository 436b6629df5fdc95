"""Google's endpoints: which hosts are Google's, and the credentials that arms need, from the environment only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from loadtest.scenario.arms import Api, Arm
from loadtest.scenario.models import Scenario

__all__ = ["KEY", "PROJECT", "credential_problems", "is_google"]

KEY = "GOOGLE_API_KEY"
PROJECT = "GOOGLE_CLOUD_PROJECT"
KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_OTHER_KEY = "GEMINI_API_KEY"  # which the LiveKit plugin does not read


def is_google(host: str) -> bool:
    """Whether a host, in small letters and without port, is one of Google's API endpoints."""
    return host == "googleapis.com" or host.endswith(".googleapis.com")


def credential_problems(scenario: Scenario, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is missing or unusable, and what to do: of arms with Google's endpoint whose agent the run starts.

    An external agent has credentials of its own. Never names what a variable or file holds but a file's path.
    """
    ours = {name: arm for name, arm in scenario.arms.items() if arm.at_google and not arm.agent.external}
    gemini = [name for name, arm in ours.items() if arm.api is Api.GEMINI]
    vertex = {name: arm for name, arm in ours.items() if arm.api is Api.VERTEX}
    if gemini and not environ.get(KEY):
        remedy = f"Export {KEY}, a key of the Gemini API."
        if environ.get(_OTHER_KEY):
            remedy = f'{_OTHER_KEY} is set, but the LiveKit plugin reads {KEY}: export {KEY}="${_OTHER_KEY}".'
        yield f"{KEY} ({_arms(gemini)}: the Gemini API's key) is not set", remedy
    projectless = [name for name, arm in vertex.items() if not _project(arm, environ)]
    if projectless:
        yield f"{PROJECT} ({_arms(projectless)}: Vertex AI) is not set", f"Export {PROJECT}, the project that pays."
    if vertex:
        yield from _default_credentials(list(vertex), environ)


def _project(arm: Arm, environ: Mapping[str, str]) -> bool:
    return bool(environ.get(PROJECT) or (arm.agent.reference and arm.agent.metadata.get("project")))


def _default_credentials(arms: list[str], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = environ.get(KEY_FILE)
    file = Path(named) if named else _gcloud_file(environ)
    told = f"{KEY_FILE} ({_arms(arms)}: Vertex AI)"
    if named is None and not file.is_file():
        yield (
            f"{told} is not set, and gcloud has left no application default credentials in {file}",
            f"Export {KEY_FILE}, the path of a key file, or run `gcloud auth application-default login`.",
        )
        return
    where = f"{told} names {file}, which" if named else f"{file}, gcloud's application default credentials,"
    remedy = f"Let {KEY_FILE} name a readable key file (JSON), or run `gcloud auth application-default login`."
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        yield f"{where} cannot be read: {error.strerror}", remedy
    except ValueError:
        yield f"{where} is not JSON", remedy
    else:
        # google-auth tells kinds of credentials apart by it, and refuses a file without.
        if not isinstance(content, dict) or "type" not in content:
            yield f"{where} holds no credentials (no `type` in it)", remedy


def _gcloud_file(environ: Mapping[str, str]) -> Path:
    """Where google-auth looks for what gcloud left."""
    config = environ.get("CLOUDSDK_CONFIG")
    folder = Path(config) if config else Path(environ.get("HOME", "~")).expanduser() / ".config" / "gcloud"
    return folder / "application_default_credentials.json"


def _arms(names: list[str]) -> str:
    return f"{'arm' if len(names) == 1 else 'arms'} {', '.join(names)}"
