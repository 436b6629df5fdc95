"""`python -m loadtest.stack.gemini --config FILE`: the Gemini Live simulator as a process of its own.

Prints one JSON line, {"port": N}, once it listens on loopback; logs to stderr; ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from loadtest.stack.gemini.server import Config, Simulator


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    simulator = Simulator(config)
    port = await simulator.start()
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await simulator.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.stack.gemini", description="Gemini Live simulator")
    parser.add_argument("--config", type=Path, required=True, help="JSON file; see Config")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(_serve(Config.from_json(parser.parse_args().config.read_text())))


if __name__ == "__main__":
    main()
