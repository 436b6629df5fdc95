"""What the README tells to type is typed, in order, with an agent that one finds in LiveKit's documentation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.harness import AGENTS, INDULGENT, REPOSITORY

README = (REPOSITORY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def typed(*, make: bool) -> list[str]:
    """Every command of the README: by make, or by itself."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("make ") is make]


def test_make_knows_its_targets() -> None:
    assert typed(make=True) == ["make peak", "make test"]
    for command, does in (("make peak", "loadtest run scenarios/peak.yaml"), ("make test", "pytest")):
        told = subprocess.run(
            [*command.split(), "--dry-run"], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        assert does in told.stdout


def test_the_first_run_against_an_agent_of_ones_own(tmp_path: Path) -> None:
    (scenario,) = [block for block in blocks("yaml") if "arms:" in block]
    (tmp_path / "mine.yaml").write_text(scenario)
    shutil.copy(AGENTS / "plain_agent.py", tmp_path / "my_agent.py")
    # One block is enough to see that it works, and whether this machine is busy is no subject here.
    shorter = ["--set blocks=1", *(f"--set validity.{limit}={value}" for limit, value in INDULGENT.items())]
    commands = typed(make=False)
    assert [command.split()[1] for command in commands] == ["validate", "plan", "run", "report"]
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said = {}
    for command in commands:
        line = " ".join([command, *shorter]) if command.startswith("loadtest run ") else command
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said[command.split()[1]] = done.stdout
    (run,) = (tmp_path / "results").iterdir()
    assert "REHEARSAL" in said["run"]
    assert said["report"].strip() == str(run.relative_to(tmp_path) / "report.html")
    assert (run / "report.html").is_file()
    assert (run / "summary.md").is_file()
    (call,) = (run / "calls").iterdir()
    assert (call / "audio.flac").is_file()
