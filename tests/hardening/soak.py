"""Honest and hostile clients at one bridge for a long time: nothing may grow, and nobody honest may notice.

    python -m tests.hardening.soak --minutes 30      (make soak)

In turns, each attack of `attacks.py` runs beside an honest caller, which must lose no millisecond of speech. After each
round of attacks the bridge's memory, descriptors and tasks are measured, and what it has logged. At the end the last
third of the rounds is compared with the second one: the first is for warming up. Exit code 1 if something grew, or if
the honest caller's round trips took too long.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import trio

from tests.hardening.attacks import ATTACKS
from tests.hardening.bystander import attack_beside_bystander, stand_in_upstream
from tests.hardening.harness import KEY, MIB, TOKEN, bridge_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.hardening.harness import BridgeProcess

#: How much the honest caller's round trips may take longer during attacks, in seconds (99th percentile, median of all).
ALLOWED_SECONDS: Final = 0.05
#: What may come and go: sockets of the last attack that close, tasks that end, a log that is written in bursts.
_SLACK: Final = {"memory_mib": 8.0, "descriptors": 20.0, "tasks": 20.0, "log_kib_per_minute": 256.0}
#: How much more than in the second third the last one may have, besides.
_GROWTH: Final = 1.1
_SETTLE_SECONDS: Final = 3.0
_FEWEST_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured after each attack had its turn."""

    memory_mib: float
    descriptors: float
    tasks: float
    log_kib_per_minute: float
    added_seconds: Sequence[float]
    """For each attack, how much longer the honest caller's round trips took than before it."""

    def line(self) -> str:
        """Sum it up."""
        return (
            f"{self.memory_mib:7.1f} MiB  {self.descriptors:5.0f} descriptors  {self.tasks:5.0f} tasks"
            f"  {self.log_kib_per_minute:7.0f} KiB of log a minute"
            f"  {median(self.added_seconds) * 1000:5.1f} ms added, {max(self.added_seconds) * 1000:.1f} at most"
        )


def problems(rounds: Sequence[Round]) -> Iterator[str]:
    """Yield what grew, and what took too long. ValueError if there are too few rounds to tell."""
    third = len(rounds) // 3
    if not third:
        raise ValueError(f"{len(rounds)} rounds are too few to compare: it takes {_FEWEST_ROUNDS}")
    earlier, later = rounds[third : 2 * third], rounds[-third:]
    for name, slack in _SLACK.items():
        before = median(getattr(one, name) for one in earlier)
        after = median(getattr(one, name) for one in later)
        if after > before * _GROWTH + slack:
            yield f"{name} grew from {before:.1f} to {after:.1f}"
    added = median(seconds for one in rounds for seconds in one.added_seconds)
    if added > ALLOWED_SECONDS:
        yield f"attacks added {added * 1000:.1f} ms to the honest caller's round trips"


async def attack_in_turns(bridge: BridgeProcess) -> Round:
    """Let every attack have its turn, and measure."""
    began, log_began = time.monotonic(), bridge.log.stat().st_size
    results = [await attack_beside_bystander(bridge, attack) for attack in ATTACKS.values()]
    minutes = (time.monotonic() - began) / 60
    await trio.sleep(_SETTLE_SECONDS)
    metrics = await bridge.metrics()
    return Round(
        memory_mib=bridge.ps.memory_info().rss / MIB,
        descriptors=bridge.ps.num_fds(),
        tasks=metrics["tasks"],
        log_kib_per_minute=(bridge.log.stat().st_size - log_began) / 1024 / minutes,
        added_seconds=tuple(max(0.0, one.during - one.before) for one in results),
    )


async def soak(minutes: float, folder: Path) -> int:
    """Attack for so long, tell every round, and return the exit code."""
    rounds: list[Round] = []
    until = time.monotonic() + minutes * 60
    with stand_in_upstream() as upstream:
        words = ["--upstream", upstream, "--client-token-env", "CLIENT_TOKEN", "--max-sessions", "2000"]
        words += ["--log-format", "json"]
        with bridge_process(folder, *words, OPENAI_API_KEY=KEY, CLIENT_TOKEN=TOKEN) as bridge:
            while time.monotonic() < until or len(rounds) < _FEWEST_ROUNDS:
                rounds.append(await attack_in_turns(bridge))
                print(f"round {len(rounds):3}  {rounds[-1].line()}", flush=True)
            internal = bridge.log_lines("internal.error")
    found = [*problems(rounds), *(["the bridge logged internal errors"] if internal else [])]
    for problem in found:
        print(f"FAIL  {problem}")
    print(f"{len(rounds)} rounds of {len(ATTACKS)} attacks; the honest callers lost 0 ms of speech")
    return 1 if found else 0


def main() -> int:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hardening.soak", description="Attack a bridge for a long time."
    )
    parser.add_argument("--minutes", type=float, default=30.0, metavar="M", help="default: 30")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sherpa-soak-") as folder:
        return trio.run(soak, args.minutes, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
