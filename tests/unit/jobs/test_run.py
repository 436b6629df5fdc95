"""Where a run's results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import RecordError
from loadtest.jobs import run


def test_runs_that_begin_in_the_same_second_never_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("loadtest.jobs.run.secrets.token_hex", lambda _: next(drawn))
    names = [run._make_folder(tmp_path / "results", "20261122T160102Z-peak").run_id for _ in range(2)]
    assert names == ["20261122T160102Z-peak-aaaa", "20261122T160102Z-peak-bbbb"]


@pytest.mark.parametrize("results", ["file/results", "/proc/results"])
def test_a_folder_that_cannot_be_made_is_said_with_a_remedy(tmp_path: Path, results: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="cannot be created") as raised:
        run._make_folder(tmp_path / results, "20261122T160102Z-peak")
    assert "--results" in raised.value.remedy
