"""What is taken for a secret, and that nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from loadtest.record.events import CallFailed
from loadtest.record.writer import EventWriter, write_json
from loadtest.redact import Redactor, keep_secret, own_redactor, secrets_in
from loadtest.scenario.models import Scenario
from loadtest.scenario.resolved import resolved_yaml

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBUEkxIn0.s1gn4ture-_x"
SECRET = "5f2b9c0e77aa41d2"
KEY_LINES = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQDGv3x2Zlq/+abc"]


def test_secrets_are_known_by_the_names_of_their_variables() -> None:
    environ = {
        "LIVEKIT_API_KEY": "APIabcdefgh",
        "LIVEKIT_API_SECRET": SECRET,
        "DB_PASSWORD": "correct horse",
        "github_token": "ghp_0123456789",
        "LIVEKIT_KEYS": "APIfirst1: secretfirst1",
        "SHORT_KEY": "devkey",
        "PATH": "/usr/bin:/bin",
        "KEYBOARD": "de-latin1-nodeadkeys",
    }
    assert secrets_in(environ) == {
        *("APIabcdefgh", SECRET, "correct horse", "ghp_0123456789"),
        *("APIfirst1: secretfirst1", "APIfirst1", "secretfirst1"),
    }


def test_secrets_of_a_scenario_are_found_wherever_they_are() -> None:
    scenario = {"arms": {"a": {"env": {"CRM_API_KEY": SECRET}, "agent": {"metadata": [{"token": "t0k3n-t0k3n"}]}}}}
    assert secrets_in(scenario) == {SECRET, "t0k3n-t0k3n"}


def test_a_service_account_is_known_by_its_content(tmp_path: Path) -> None:
    pem = "\n".join(["-----BEGIN PRIVATE KEY-----", *KEY_LINES, "-----END PRIVATE KEY-----", ""])
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"private_key_id": "0a1b2c3d4e5f", "private_key": pem, "client_email": "a@b.example"}))
    redactor = Redactor(secrets_in({"GOOGLE_APPLICATION_CREDENTIALS": str(file)}))
    for printed in (pem, file.read_text(), KEY_LINES[1]):
        assert not any(secret in redactor.text(printed) for secret in (*KEY_LINES, "0a1b2c3d4e5f"))
    assert "a@b.example" in redactor.text(file.read_text())
    assert secrets_in({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")}) == frozenset()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (f"GET /rtc?access_token={JWT}&auto=1", "GET /rtc?access_token=[redacted]&auto=1"),
        ("Authorization: Bearer ya29.a0Af_very-long", "Authorization: Bearer [redacted]"),
        ("key=AIzaSyA1234567890abcdefghijklmnopqrstuvw", "key=[redacted]"),
        (f"secret {SECRET}.", "secret [redacted]."),
        ("wss://host/?p=a%2Fb%2Bsecret", "wss://host/?p=[redacted]"),
        ("nothing of the kind: eyJ, Bearer of news", "nothing of the kind: eyJ, Bearer of news"),
    ],
)
def test_what_is_written_instead(said: str, written: str) -> None:
    redactor = Redactor([SECRET, "a/b+secret"])
    assert redactor.text(said) == written
    assert redactor.data(said.encode()) == written.encode()


def test_lines_of_json_stay_json_whatever_the_secret() -> None:
    redactor = Redactor(["12345678", 'quo"ted-\u00e4'])
    line = json.dumps({"t": 12345678.25, "message": 'it was quo"ted-\u00e4', "n": [12345678]})
    assert json.loads(redactor.json_line(line)) == {"t": 12345678.25, "message": "it was [redacted]", "n": [12345678]}
    assert redactor.json_line('{"t": 1.50}') == '{"t": 1.50}'


def test_a_cut_spares_secrets() -> None:
    redactor = Redactor([SECRET])
    data = b"x" * 10 + SECRET.encode() + b"y" * 10
    assert redactor.safe_cut(data, 15) == 10
    assert redactor.safe_cut(data, 5) == 5
    assert redactor.safe_cut(data, 30) == 30


def test_the_record_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", SECRET)
    keep_secret(["made-by-the-run"])
    message = f"{SECRET} refused at wss://x/?access_token={JWT} by made-by-the-run"
    with EventWriter(tmp_path / "events.jsonl") as events:
        events.add(CallFailed(t=1.0, error="E", message=message))
    write_json(tmp_path / "run.json", {"warnings": [message]})
    for file in tmp_path.iterdir():
        assert "[redacted] refused at wss://x/?access_token=[redacted] by [redacted]" in file.read_text()
    assert own_redactor({}).text(SECRET) == SECRET


def test_the_copy_of_a_scenario_holds_no_secret_and_is_still_one() -> None:
    arm = {"model": "m", "agent": {"command": ["agent"], "name": "a"}, "env": {"CRM_API_KEY": SECRET}}
    scenario = Scenario.model_validate(
        {
            "version": 1,
            "name": "s",
            "blocks": 1,
            "arms": {"a": {**arm, "endpoint": {"profile": "p.yaml"}}},
            "arrivals": [{"rate_per_minute": 6}],
            "script": "script.yaml",
        }
    )
    written = resolved_yaml(scenario, "s.yaml", [f"arms.a.env.CRM_API_KEY={SECRET}"], Redactor([SECRET]))
    assert SECRET not in written
    copy = Scenario.model_validate(YAML(typ="safe", pure=True).load(written))
    assert copy.arms["a"].env == {"CRM_API_KEY": "[redacted]"}
