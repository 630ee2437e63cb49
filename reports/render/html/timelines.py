"""Sessions as sequence diagrams: client on the left, server on the right, an arrow for each event.

Streams are folded into one arrow with a count. A silence of a second or more gets a row of its own, since many failures
look like that. The diagram is a table, so that screen readers read it in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.model import BRIDGE_SIDES, FROM_UPSTREAM, SESSION_SIDES, TO_CLIENT, TO_UPSTREAM
from reports.render.html.limits import PageLimits, Truncated, take_first
from reports.render.html.wording import one_line
from reports.render.numbers import format_duration
from reports.render.terminal.timeline import fold_moments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reports.model import Moment, Timeline

#: A silence of this many seconds gets a row.
_PAUSE_SECONDS = 1.0
#: If a diagram is too long, this share of the rows shows its start, the rest its end.
_FIRST_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRow:
    """A row of the diagram. `kind` is `client` or `server` (the sender), `remark` (by the tool) or `pause`."""

    kind: str
    at: str
    what: str
    who: str = ""
    detail: str = ""
    stream: str = ""
    """`x48 in 1.9 s` for a stream."""
    is_error: bool = False
    """Whether the event reports a failure."""
    direction: str = ""
    """From whom to whom, for screen readers."""
    half: str = ""
    """`left` or `right` of the bridge; empty without one in the middle."""


@dataclass(frozen=True, slots=True)
class SequenceDiagram:
    """One session. Rows that were left out are between `first_rows` and `last_rows`."""

    name: str
    first_rows: tuple[SequenceRow, ...]
    left_out: int
    last_rows: tuple[SequenceRow, ...]
    events: int
    """Events of both sides before folding, without remarks."""
    duration: str
    ends: tuple[str, ...]
    """Who takes part, from left to right."""


#: For each sender: where its arrow comes from (client: left, server: right), the direction in words, and the half.
_ARROWS = {
    "client": ("client", "client to bridge", "left"),
    TO_CLIENT: ("server", "bridge to client", "left"),
    TO_UPSTREAM: ("client", "bridge to upstream", "right"),
    FROM_UPSTREAM: ("server", "upstream to bridge", "right"),
}
_TWO_ENDS = {"client": ("client", "client to server", ""), "server": ("server", "server to client", "")}


def sequence_diagrams(timelines: Sequence[Timeline], limits: PageLimits) -> Truncated[SequenceDiagram]:
    """Lay out the sessions of a report."""
    chosen = take_first([timeline for timeline in timelines if timeline.is_session], limits.timelines)
    return Truncated(tuple(_diagram(timeline, limits) for timeline in chosen.shown), chosen.left_out)


def _diagram(timeline: Timeline, limits: PageLimits) -> SequenceDiagram:
    rows = fold_moments(timeline.moments)
    first, left_out, last = _split(rows, limits.moments)
    has_bridge = any(row.who in BRIDGE_SIDES for row in rows)
    arrows = _ARROWS if has_bridge else _TWO_ENDS
    duration = max((_end_of(row) for row in rows), default=0.0)
    return SequenceDiagram(
        one_line(timeline.name, limits.short) or "session",
        tuple(_rows(first, limits.short, arrows)),
        left_out,
        tuple(_rows(last, limits.short, arrows)),
        sum(row.count for row in rows if row.who in SESSION_SIDES | BRIDGE_SIDES),
        format_duration(duration),
        ("client", "bridge", "upstream") if has_bridge else ("client", "server"),
    )


def _split(rows: list[Moment], limit: int) -> tuple[list[Moment], int, list[Moment]]:
    if len(rows) <= limit:
        return rows, 0, []
    head = int(limit * _FIRST_SHARE)
    tail = limit - head
    return rows[:head], len(rows) - limit, rows[-tail:]


def _rows(rows: Sequence[Moment], limit: int, arrows: Mapping[str, tuple[str, str, str]]) -> Iterator[SequenceRow]:
    before: Moment | None = None
    for row in rows:
        silent = row.at - _end_of(before) if before else 0.0
        if silent >= _PAUSE_SECONDS:
            yield SequenceRow(kind="pause", at="", what=f"{format_duration(silent)} without an event")
        yield _row(row, limit, arrows)
        before = row if before is None or _end_of(row) >= _end_of(before) else before


def _row(row: Moment, limit: int, arrows: Mapping[str, tuple[str, str, str]]) -> SequenceRow:
    kind, direction, half = arrows.get(row.who, ("remark", "", ""))
    return SequenceRow(
        kind=kind,
        direction=direction,
        half=half,
        at=f"{row.at:.3f}",
        what=one_line(row.what, limit) or "-",
        who=one_line(row.who, limit),
        detail=one_line(row.detail, limit),
        stream=f"×{row.count:,} in {format_duration(_end_of(row) - row.at)}" if row.count > 1 else "",  # noqa: RUF001 - the sign for times
        is_error=row.what == "error" or row.what.endswith(".failed"),
    )


def _end_of(row: Moment) -> float:
    return row.at if row.until is None else max(row.at, row.until)
