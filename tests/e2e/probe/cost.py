"""python -m tests.e2e.probe.cost [PLUGIN ...]: what the probe costs an agent, in CPU time per second of a call.

Sessions talk side by side, with a probe each; each hears a line in real time and is asked for a reply of 3 s every 5 s,
with transcripts, states and turns as the real plugin makes them. What is spent in the probe is metered (metered.py).
What publishing on a real data channel takes is not in it: it is the SDK's, for about two lines a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import trustme

from loadtest.scenario.plugins import PLUGIN_GENERATIONS
from loadtest.stack.generations.environment import generation_environ, provide_generation

SESSIONS = 8
TURNS = 5
TURN_S = 5.0


def talk(number: int, turns: int) -> dict[str, Any]:
    reply = [["asked"], ["hear"], ["speak", 75], ["complete"], ["wait", 2.0], ["turn_over"]]
    steps = [["until", "ready"], *([["ask"], ["wait", TURN_S]] * turns)]
    return {"case": f"s{number}", "connections": [[["setup", "h"], *(reply * turns)]], "steps": steps, "line": True}


def metered(python: Path, environ: dict[str, str], folder: Path) -> tuple[float, float, int]:
    """CPU seconds spent in all probes: in the agent's loop, in their threads; and how many lines they told."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    chain = [*leaf.cert_chain_pems, authority.cert_pem]
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in chain))
    (folder / "cases.json").write_text(json.dumps([talk(number, TURNS) for number in range(SESSIONS)]))
    files = [str(folder / file) for file in ("cases.json", "cert.pem", "key.pem")]
    script = str(Path(__file__).with_name("metered.py"))
    command = [str(python), "-W", "ignore", script, *files, str(folder)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    lines = sum(len(json.loads(line)["sent"]) for line in done.stdout.splitlines())
    loop_s, threads_s = done.stderr.split("spent ")[-1].split()[:2]
    return float(loop_s), float(threads_s), lines


def main(plugins: list[str]) -> None:
    call_s = SESSIONS * TURNS * TURN_S
    for plugin in plugins:
        with tempfile.TemporaryDirectory() as name:
            environ = generation_environ(os.environ, Path(name) / "way")
            loop_s, threads_s, lines = metered(provide_generation(plugin), environ, Path(name))
        sys.stdout.write(
            f"{plugin}: {(loop_s + threads_s) / call_s * 100:.3f} % of a core "
            f"({loop_s / call_s * 100:.3f} % in the agent's loop); {lines / call_s:.1f} lines/s\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:] or list(PLUGIN_GENERATIONS))
