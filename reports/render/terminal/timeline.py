"""Timelines on the terminal: one line per moment, streams folded into one line.

Made for 80 columns. On a narrower page details are left out, and a long event name may exceed the width.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from reports.render.numbers import format_duration
from reports.render.terminal_text import display_width, pad, sanitize, truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reports.model import Moment, Timeline

#: Event names up to this width are padded, so that details are aligned.
_NAME_COLUMN = 42
#: Longer event names are cut. The service has none.
_MAX_NAME = 64
#: Suffixes of events that come in streams.
_STREAM_SUFFIXES = (".delta", ".append")
#: Fewer columns of detail are useless.
_MIN_DETAIL = 12
#: Longer details of a stream are not collected: appending without a limit takes quadratic time.
_MAX_DETAIL = 1000
_STYLES = {"client": "cyan", "server": "default"}
#: With a bridge in between there are four directions: those of its upstream have two bars.
_ARROWS = {
    "client": "->",
    "server": "<-",
    "bridge to client": "<-",
    "bridge to upstream": "=>",
    "upstream": "<=",
}


class StreamFolder:
    """Folds streams while they arrive: a hundred deltas or appends become one line with a count.

    Streams that run in parallel (transcript and audio, or appends in the other direction) fold into a line each. Any
    other event ends them. `add` returns the lines that are complete, `flush` those that were still growing.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Moment] = {}
        """By sender and event, in the order in which they started."""

    def add(self, moment: Moment) -> list[Moment]:
        """Add the next moment. Returns the lines that will not change any more."""
        if not moment.what.endswith(_STREAM_SUFFIXES):
            return [*self.flush(), moment]
        stream = (moment.who, moment.what)
        folded = self._open.get(stream)
        self._open[stream] = moment if folded is None else _extended(folded, moment)
        return []

    def flush(self) -> list[Moment]:
        """Return the lines that were still growing, at the end."""
        growing, self._open = list(self._open.values()), {}
        return growing


def fold_moments(moments: Iterable[Moment]) -> list[Moment]:
    """Fold the streams of a whole timeline, as `StreamFolder` does for one that still grows."""
    folding = StreamFolder()
    lines = [line for moment in moments for line in folding.add(moment)]
    return [*lines, *folding.flush()]


def _extended(folded: Moment, moment: Moment) -> Moment:
    until = moment.until if moment.until is not None else moment.at
    detail = folded.detail if len(folded.detail) >= _MAX_DETAIL else folded.detail + moment.detail
    return replace(folded, count=folded.count + moment.count, until=until, detail=detail)


def draw_timeline(timeline: Timeline, width: int = 80) -> Iterator[Text]:
    """Draw a whole timeline under its name."""
    yield Text(truncate(sanitize(timeline.name), width), style="bold")
    moments = fold_moments(timeline.moments)
    widest = min(max((display_width(sanitize(moment.what)) for moment in moments), default=0), _NAME_COLUMN)
    yield from (
        (moment_line(moment, width, widest) for moment in moments) if moments else [Text("  nothing", style="dim")]
    )


def moment_line(moment: Moment, width: int = 80, names: int = _NAME_COLUMN) -> Text:
    """Draw one moment: time, direction, event, count, detail. `names` is the width of the events' column."""
    text = Text(f"{moment.at:8.3f} s  {_ARROWS.get(moment.who, '  ')} ", style="dim")
    text.append(pad(truncate(sanitize(moment.what), _MAX_NAME), names), style=_STYLES.get(moment.who, "dim"))
    room = width - display_width(text.plain) - 1
    if moment.count > 1:
        count_text = f" x{moment.count} in {format_duration((moment.until or moment.at) - moment.at)}"
        text.append(count_text, style="dim")
        room -= len(count_text)
    detail = sanitize(moment.detail.strip())
    between = ", " if moment.count > 1 else " "
    room -= len(between) - 1
    if detail and room >= min(_MIN_DETAIL, display_width(detail)):
        text.append(between + truncate(detail, room), style="dim")
    text.rstrip()
    return text
