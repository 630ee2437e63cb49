"""The CPU cost of audio: microseconds per 20 ms, best of several rounds.

Run in the project's folder: `python -m benchmarks.audio`. Results are valid for one machine on one day; it prints both.
"""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from timeit import repeat
from typing import TYPE_CHECKING

from benchmarks.machine import report_machine_load
from bridge.protocol.audio.g711 import pcm24k_to_ulaw, ulaw_to_pcm24k
from bridge.protocol.audio.pcm import SAMPLE_RATE, chunks, loudness
from bridge.protocol.audio.tracer import CELL_BYTES, CELL_MS, TracerReceiver, TracerSource
from bridge.simulator.session.vad import EnergyVad
from bridge.simulator.session.voice import duration_ms, synthesize

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
CELLS = 2_000
SENTENCE = "Interest on the account is calculated daily and credited at the end of each calendar month."


def microseconds(work: Callable[[], object], units: float) -> float:
    """Time `work`, which handles `units` times 20 ms of audio."""
    return min(repeat(work, number=1, repeat=ROUNDS)) / units * 1e6


def feed_all(take: Callable[[bytes], object], pieces: list[bytes]) -> None:
    """Pass on chunk by chunk, as they are read from a socket."""
    for piece in pieces:
        take(piece)


def cpu() -> str:
    """Return the name of the processor, if the system has it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - one line out of a pseudo-file
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def costs() -> dict[str, float]:
    """Measure everything."""
    pcm = TracerSource(1).speech(CELLS * CELL_MS)
    cells = list(chunks(pcm, CELL_MS))
    across = list(chunks(pcm[480:], CELL_MS))
    coded = [pcm24k_to_ulaw(cell) for cell in cells]
    count = TracerReceiver()
    count.feed(pcm)
    assert count.counts()[1].received_ms == CELLS * CELL_MS
    started = time.perf_counter()
    synthesize(SENTENCE)
    first_words = time.perf_counter() - started
    return {
        "loudness": microseconds(lambda: feed_all(loudness, cells), CELLS),
        "vad feed": microseconds(lambda: feed_all(EnergyVad().feed, cells), CELLS),
        "tracer make": microseconds(lambda: TracerSource(1).speech(CELLS * CELL_MS), CELLS),
        "tracer feed, cell by cell": microseconds(lambda: feed_all(TracerReceiver().feed, cells), CELLS),
        "tracer feed, cut across cells": microseconds(lambda: feed_all(TracerReceiver().feed, across), CELLS),
        "tracer feed, no tracer audio": microseconds(lambda: TracerReceiver().feed(bytes(CELLS * CELL_BYTES)), CELLS),
        "mu-law in": microseconds(lambda: feed_all(ulaw_to_pcm24k, coded), CELLS),
        "mu-law out": microseconds(lambda: feed_all(pcm24k_to_ulaw, cells), CELLS),
        "voice": microseconds(lambda: synthesize(SENTENCE), duration_ms(SENTENCE) / CELL_MS),
        "voice, first words (once, not per 20 ms)": first_words * 1e6,
    }


def main() -> None:
    """Print the table."""
    today = datetime.now(UTC).date()
    print(f"{today}, Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} x {cpu()}")
    print(f"us for 20 ms of {SAMPLE_RATE} Hz PCM16, best of {ROUNDS} rounds:")
    with report_machine_load():
        for name, cost in costs().items():
            print(f"  {name:<42} {cost:>10.2f}")


if __name__ == "__main__":
    main()
