"""What is built of the checkout installs into a clean environment and runs there, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.harness import REPOSITORY

UV = Path(sys.executable).parent / "uv"


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**kept, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both packages, each as sdist and as the wheel that is made of the sdist."""
    made = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--quiet", "--offline", "--all-packages", "--out-dir", made, cwd=REPOSITORY)
    return made


@pytest.fixture(scope="module")
def clean(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with loadtest's wheel and what it declares to need, from the cache of the lock file's packages."""
    environment = tmp_path_factory.mktemp("clean") / "env"
    sync = ("sync", "--quiet", "--offline", "--frozen", "--no-dev", "--no-install-workspace")
    run(UV, *sync, "--python", sys.executable, cwd=REPOSITORY, UV_PROJECT_ENVIRONMENT=str(environment))
    (wheel,) = dist.glob("loadtest-*.whl")
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel, cwd=environment)
    run(UV, "pip", "check", "--python", python, cwd=environment)
    return environment / "bin"


def test_scenarios_come_with_the_wheel(clean: Path, tmp_path: Path) -> None:
    place = run(clean / "python", "-c", "import loadtest; print(loadtest.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(clean.parent)
    listed = [line.split()[0] for line in run(clean / "loadtest", "example", cwd=tmp_path).splitlines()]
    assert listed == sorted(path.stem for path in (REPOSITORY / "scenarios").glob("*.yaml"))


def test_what_is_shipped_can_be_planned_in_any_folder(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(run(clean / "loadtest", "example", "smoke", cwd=tmp_path))
    run(clean / "loadtest", "validate", "mine.yaml", cwd=tmp_path)
    assert "calls" in run(clean / "loadtest", "plan", "mine.yaml", cwd=tmp_path)


def test_every_command_can_be_imported(clean: Path, tmp_path: Path) -> None:
    code = (
        "from loadtest.cli import COMMANDS, cli\n"
        "from click.testing import CliRunner\n"
        "import loadtest.run.session, loadtest.jobs.run, loadtest.report.html.build, loadtest.audio.silero\n"
        "for name in COMMANDS:\n"
        "    result = CliRunner().invoke(cli, [name, '--help'])\n"
        "    assert result.exit_code == 0, (name, result.output)\n"
    )
    run(clean / "python", "-c", code, cwd=tmp_path)


def test_nothing_of_the_checkout_is_in_the_wheels_but_the_packages(dist: Path) -> None:
    found = {}
    for wheel in dist.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            name, version, *_ = wheel.name.split("-")
            found[name] = {path.split("/")[0] for path in archive.namelist()} - {f"{name}-{version}.dist-info"}
    # The probe for those who carry nothing else, and in loadtest's, which so needs nothing that is in no index.
    assert found == {"loadtest": {"loadtest", "loadtest_probe"}, "loadtest_probe": {"loadtest_probe"}}
