"""How much faster `peek` is than a full parse. Exit code 1 if it is not ten times faster than `json.loads`.

Run in the project's folder: python -m benchmarks.peek. The frame is an audio delta of 15 kB, about what the service
sends for 230 ms. The ratio to msgspec, the fastest full parser, is shown for comparison.
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
#: A decoder object that is reused, as a fast program would.
_MSGSPEC = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class PeekRow:
    """Microseconds per frame, for one order of members and one type of frame."""

    opening: str
    form: str
    peek: float
    msgspec: float
    json: float

    @property
    def ratios(self) -> tuple[float, float]:
        """How many times faster `peek` is than msgspec and than json."""
        return self.msgspec / self.peek, self.json / self.peek


def microseconds(work: Callable[[], object], *, seconds: float) -> float:
    """Return the best of five runs that take about `seconds` in all: a disturbance only makes a run slower."""
    timer = timeit.Timer(work)
    number = max(1, int(100 * seconds / 5 / max(timer.timeit(100), 1e-9)))
    return min(timer.repeat(5, number)) / number * 1e6


def measure(*, seconds: float = 0.5) -> list[PeekRow]:
    """Measure each frame as text and as bytes; each measurement takes `seconds`."""
    frames = [
        (opening, form, frame)
        for opening, text in OPENINGS.items()
        for form, frame in (("text", text), ("bytes", text.encode()))
    ]
    return [
        PeekRow(
            opening,
            form,
            peek=microseconds(partial(peek, frame), seconds=seconds),
            msgspec=microseconds(partial(_MSGSPEC, frame), seconds=seconds),
            json=microseconds(partial(json.loads, frame), seconds=seconds),
        )
        for opening, form, frame in frames
    ]


def main() -> int:
    """Print the table and check the ratio."""
    parse = argparse.ArgumentParser(prog="python -m benchmarks.peek")
    parse.add_argument("--seconds", type=float, default=0.5, help="how long each figure is measured")
    args = parse.parse_args()
    with report_machine_load():
        return _judged(measure(seconds=args.seconds))


def _judged(rows: list[PeekRow]) -> int:
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
    worst = round(min(row.ratios[1] for row in rows), 1)
    print(f"in the worst case, peek is {worst:.1f} times faster than json.loads (required: {TIMES_FASTER:g})")
    return 0 if worst >= TIMES_FASTER else 1


if __name__ == "__main__":
    sys.exit(main())
