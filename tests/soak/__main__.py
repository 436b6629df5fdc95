"""`make soak`: one long run, watched from outside, and docs/reliability.md. Exits with 1 if something leaks.

python -m tests.soak [--calls N] [--page FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from loadtest.clock import utc_now
from loadtest.record.run_json import RunInfo
from loadtest.run.neighbours import registry
from tests.e2e.harness import REPOSITORY, LiveRun, Results
from tests.soak.page import page
from tests.soak.usage import Sample, take_sample
from tests.soak.verdict import findings

HERE = Path(__file__).parent
EVERY_S = 10.0
END_LIMIT_S = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Look for what grows with the number of calls.")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "reliability.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadtest-soak-") as folder:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        blocks = f"blocks={options.calls // 2}"
        environ = {"TMPDIR": str(temporary)}
        with LiveRun(HERE / "soak.yaml", "--set", blocks, where=Path(folder), env=environ) as live:
            samples = watch(live, temporary, options.calls)
            run = live.finish(limit_s=END_LIMIT_S + 60)
        # The folder in which runs leave word of themselves stays, empty.
        lying = [path for path in sorted(temporary.iterdir()) if path.name != registry().name or any(path.iterdir())]
        leftovers = [*run.leftovers, *(path.name for path in lying)]
        return report(run, samples, leftovers, options.page)


def watch(live: LiveRun, temporary: Path, planned: int) -> list[Sample]:
    """Samples from the first call to the last."""
    livekit = live.wait_for(lambda: _callee_environ(live), "a callee process")
    live.wait_for(lambda: _calls(live) or None, "the first call")
    began = time.monotonic()
    samples: list[Sample] = []
    while live.process.poll() is None and (calls := _calls(live)) < planned:
        sample = take_sample(
            live.processes(),
            at_s=time.monotonic() - began,
            calls=calls,
            active=_calls(live, "audio.pcm"),
            livekit=livekit,
            temporary=temporary,
        )
        samples.append(sample)
        memory = sum(usage.memory_mb for usage in sample.groups.values())
        sys.stderr.write(f"\r{calls}/{planned} calls, {memory:.0f} MB, {sample.rooms} rooms  ")
        time.sleep(EVERY_S)
    sys.stderr.write("\n")
    return samples


def report(run: Results, samples: list[Sample], leftovers: list[str], where: Path) -> int:
    """Write the page; 0 if nothing leaks."""
    info = RunInfo.read(run.folder)
    found = findings(samples)
    where.write_text(
        page(
            date=f"{utc_now():%Y-%m-%d}",
            host=info.host,
            versions=info.versions,
            outcomes=Counter(run.outcomes().values()),
            samples=samples,
            findings=found,
            leftovers=leftovers,
        )
    )
    sys.stderr.write(f"{where}\n")
    if run.exit_code not in {0, 3}:  # whether the machine was too busy to measure is no matter here
        sys.stderr.write(f"the run failed: exit code {run.exit_code}\n{run.stderr}\n")
        return 1
    leaks = [finding for finding in found if finding.leaks]
    for finding in leaks:
        sys.stderr.write(f"{finding.group}: {finding.what} grows by {finding.per_100:.1f} in 100 calls\n")
    if any(finding.per_100 is None for finding in found):
        sys.stderr.write("too few calls for a verdict\n")
        return 1
    return 1 if leaks or leftovers else 0


def _calls(live: LiveRun, what: str = "events.jsonl") -> int:
    """Calls of which there is such a file."""
    return 0 if live.folder is None else sum(1 for _ in live.folder.path.glob(f"calls/*/{what}"))


def _callee_environ(live: LiveRun) -> dict[str, str] | None:
    try:
        return dict(live.process_of("loadtest.run.callee_process").environ())
    except (AssertionError, psutil.Error):
        return None


if __name__ == "__main__":
    sys.exit(main())
