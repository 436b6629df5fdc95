"""Many simulated experiments, on all cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Final, TypeVar

__all__ = ["simulated"]

T = TypeVar("T")

CHUNK: Final = 10
ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def simulated(
    workers: int | None = None,
) -> Iterator[Callable[[Callable[[int], T], int, Callable[[int], None]], list[T]]]:
    """A function that runs `one(seed)` for seeds 0 to n-1 in processes and gives the results in the order of seeds.

    `one` must be picklable. It calls `progress(done)` as results come in. workers: processes; one a core by default; 1
    stays in this process.
    """
    count = workers or os.cpu_count() or 1
    if count == 1:
        yield _alone
        return
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # each process has a core: threads would only get in the way
    try:
        # Threads of numpy and polars don't survive a fork.
        with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet) as pool:

            def run(one: Callable[[int], T], n: int, progress: Callable[[int], None]) -> list[T]:
                starts = range(0, n, CHUNK)
                futures = {pool.submit(_chunk, one, start, min(n, start + CHUNK)): start for start in starts}
                found: dict[int, list[T]] = {}
                done = 0
                for future in as_completed(futures):
                    found[futures[future]] = future.result()
                    done += len(found[futures[future]])
                    progress(done)
                return [result for start in starts for result in found[start]]

            try:
                yield run
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business


def _alone(one: Callable[[int], T], n: int, progress: Callable[[int], None]) -> list[T]:
    found = []
    for seed in range(n):
        found.append(one(seed))
        progress(seed + 1)
    return found


def _chunk(one: Callable[[int], T], start: int, end: int) -> list[T]:
    return [one(seed) for seed in range(start, end)]
