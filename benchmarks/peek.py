"""How much cheaper a peek is than a parse: prints a table, exits 1 when it is not ten times faster than `json.loads`.

Run it from the project folder: python -m benchmarks.peek [--seconds S]. Each figure is measured for S seconds. The
frame is an audio delta of 15 kB, about what the service sends for 230 ms. The ratio to a full parse by msgspec, the
fastest there is, is shown beside it and not judged.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import timeit
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from benchmarks.machine import report_machine_load
from bridge.protocol.events.peek import peek

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FRAME_BYTES = 15_000
TIMES_FASTER = 10.0
_TYPE = {"type": "response.output_audio.delta"}
_EVENT_ID = {"event_id": "event_CkL0pnzSxIYeJDQpGb1Ta"}
_REST = {
    "response_id": "resp_CkL0oRrPdBpVyYw0nX4Qe",
    "item_id": "item_CkL0oCqhZkdmKbmDyzBwd",
    "output_index": 0,
    "content_index": 0,
}


def delta(opening: Mapping[str, str]) -> str:
    """Make an audio delta of `FRAME_BYTES` whose first members are the given ones."""
    event: dict[str, object] = {**opening, **_REST, "delta": ""}
    event["delta"] = "AbC/+9xY" * ((FRAME_BYTES - len(json.dumps(event))) // 8)
    return json.dumps(event, separators=(",", ":"))


OPENINGS: Mapping[str, str] = {
    "type first": delta({**_TYPE, **_EVENT_ID}),
    "event_id first": delta({**_EVENT_ID, **_TYPE}),
}
#: A fast decoder keeps its state; that is how a program in a hurry would use it.
_MSGSPEC = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds a frame, for one opening and one form of the frame."""

    opening: str
    form: str
    peek: float
    msgspec: float
    json: float

    @property
    def ratios(self) -> tuple[float, float]:
        """How many times faster a peek is than msgspec and than json."""
        return self.msgspec / self.peek, self.json / self.peek


def microseconds(work: Callable[[], object], *, seconds: float) -> float:
    """Take the best of five runs, of together about `seconds`: what disturbs a run only ever makes it slower."""
    timer = timeit.Timer(work)
    number = max(1, int(100 * seconds / 5 / max(timer.timeit(100), 1e-9)))
    return min(timer.repeat(5, number)) / number * 1e6


def measure(*, seconds: float = 0.5) -> list[Row]:
    """Measure every opening as text and as bytes, `seconds` a figure."""
    frames = [
        (opening, form, frame)
        for opening, text in OPENINGS.items()
        for form, frame in (("text", text), ("bytes", text.encode()))
    ]
    return [
        Row(
            opening,
            form,
            peek=microseconds(partial(peek, frame), seconds=seconds),
            msgspec=microseconds(partial(_MSGSPEC, frame), seconds=seconds),
            json=microseconds(partial(json.loads, frame), seconds=seconds),
        )
        for opening, form, frame in frames
    ]


def main() -> int:
    """Print the table and judge it."""
    parse = argparse.ArgumentParser(prog="python -m benchmarks.peek")
    parse.add_argument("--seconds", type=float, default=0.5, help="how long each figure is measured")
    args = parse.parse_args()
    with report_machine_load():
        return _judged(measure(seconds=args.seconds))


def _judged(rows: list[Row]) -> int:
    print(
        f"{datetime.now(UTC):%Y-%m-%d}  {platform.machine()}  Python {platform.python_version()}  {platform.system()}"
    )
    print(
        f"{'frame of 15 kB':<16}{'form':<7}{'peek us':>9}{'msgspec us':>12}{'json us':>9}{'x msgspec':>11}{'x json':>8}"
    )
    for row in rows:
        msgspec_ratio, json_ratio = row.ratios
        print(
            f"{row.opening:<16}{row.form:<7}{row.peek:>9.2f}{row.msgspec:>12.2f}{row.json:>9.2f}"
            f"{msgspec_ratio:>11.1f}{json_ratio:>8.1f}"
        )
    worst = min(row.ratios[1] for row in rows)
    print(f"at its slowest a peek is {worst:.1f} times faster than json.loads (at least {TIMES_FASTER:g} wanted)")
    return 0 if worst >= TIMES_FASTER else 1


if __name__ == "__main__":
    sys.exit(main())
