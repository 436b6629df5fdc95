"""deploy/ is taken as it is: each file passes its own linter, and calls what there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from loadtest.cli import cli

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
WORKFLOW = DEPLOY / "github-actions.yml"
CRONJOB = DEPLOY / "cronjob.yaml"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))


def documents(path: Path) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(path.read_text()))


def commands() -> list[list[str]]:
    """Every call of loadtest in these files, as words behind its name."""
    (workflow,) = documents(WORKFLOW)
    steps = workflow["jobs"]["nightly"]["steps"]
    lines = [step["run"] for step in steps if "loadtest " in step.get("run", "")]
    for unit in UNITS:
        lines += re.findall(r"^ExecStart=(.*)$", unit.read_text(), flags=re.MULTILINE)
    container = documents(CRONJOB)[1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    lines.append(shlex.join([*container["command"], *container["args"]]))
    return [shlex.split(line)[1:] for line in lines]


def linted(*command: str) -> str:
    """What the linter said, of what it did not refuse."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_workflow_is_one_of_githubs() -> None:
    linted(
        *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)),
    )


def test_every_secret_of_the_workflow_is_passed_by_the_environment() -> None:
    """What stands in a command is expanded before the shell sees it."""
    (workflow,) = documents(WORKFLOW)
    for step in workflow["jobs"]["nightly"]["steps"]:
        assert "${{" not in step.get("run", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, of systemd")
def test_the_units_are_systemds(tmp_path: Path) -> None:
    there = tmp_path / "opt"
    for unit in UNITS:
        # It looks for what a unit starts, and who it is: here it is not installed.
        text = unit.read_text().replace("/opt/loadtest/.venv/bin/loadtest", sys.executable)
        (there / unit.name).parent.mkdir(exist_ok=True)
        (there / unit.name).write_text(re.sub(r"^User=.*$", "User=root", text, flags=re.MULTILINE))
    said = linted("systemd-analyze", "verify", "--man=no", *(str(there / unit.name) for unit in UNITS))
    # What it does not know it ignores, and says so; of the machine's own units it may say more.
    assert [line for line in said.splitlines() if "loadtest" in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, of systemd")
def test_the_timer_elapses_once_a_night() -> None:
    (when,) = re.findall(r"^OnCalendar=(.*)$", (DEPLOY / "loadtest-nightly.timer").read_text(), flags=re.MULTILINE)
    told = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", "--base-time=2026-11-23 12:00:00 UTC", when],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    ).stdout
    nights = re.findall(r"2026-11-\d\d 03:00:00", told)
    assert list(dict.fromkeys(nights)) == [f"2026-11-{day} 03:00:00" for day in (24, 25, 26)]


def test_the_cronjob_is_one_of_kubernetes() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kinds = []
    for document in documents(CRONJOB):
        kubernetes_validate.validate(document, "1.31", strict=True)
        kinds.append(document["kind"])
    assert kinds == ["PersistentVolumeClaim", "CronJob"]


def test_a_night_is_not_asked_for_again_for_what_it_says() -> None:
    claim, job = documents(CRONJOB)
    template = job["spec"]["jobTemplate"]["spec"]
    (rule,) = template["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert {2, 3, 4} <= set(rule["onExitCodes"]["values"])
    pod = template["template"]["spec"]
    assert rule["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    assert pod["restartPolicy"] == "Never"  # without it a policy of failures is refused
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_in_them_is_one_that_there_is(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    name, *arguments = (word.replace("results", str(tmp_path)) if word == "results" else word for word in words)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context = command.make_context(name, arguments)
    if name == "nightly":
        assert context.params["scenario"].is_file()
