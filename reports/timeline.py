"""A timeline for people: one line a moment, runs of the same event folded into one. Made for 80 columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from reports.text import plain, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.model import Moment

#: The longest event name that is common, so that details stand in a column.
_WHAT = 42
#: Events that come in streams.
_STREAMS = (".delta", ".append")
#: Fewer columns than this say nothing.
_READABLE = 12
_STYLES = {"client": "cyan", "server": "default"}
_ARROWS = {"client": "->", "server": "<-"}


def fold(moments: Iterable[Moment]) -> list[Moment]:
    """Fold streams: a hundred deltas, or appends, become one line that says so.

    Streams that run side by side (transcript and audio, appends and whatever comes meanwhile) fold into a line each;
    any other event between them begins new lines.
    """
    folded: list[Moment] = []
    for moment in moments:
        place = _stream_of(folded, moment)
        if place is None:
            folded.append(moment)
        else:
            folded[place] = _grown(folded[place], moment)
    return folded


def _stream_of(folded: list[Moment], moment: Moment) -> int | None:
    """Find the line that this moment continues."""
    for place in range(len(folded) - 1, -1, -1):
        known = folded[place]
        if not known.what.endswith(_STREAMS):
            return None
        if (known.who, known.what) == (moment.who, moment.what):
            return place
    return None


def _grown(known: Moment, moment: Moment) -> Moment:
    until = moment.until if moment.until is not None else moment.at
    return replace(known, count=known.count + moment.count, until=until, detail=known.detail + moment.detail)


def line(moment: Moment, width: int = 80) -> Text:
    """Draw one moment: time, direction, event, how often, detail."""
    text = Text(f"{moment.at:8.3f} s  {_ARROWS.get(moment.who, '  ')} ", style="dim")
    text.append(f"{plain(moment.what):<{_WHAT}}", style=_STYLES.get(moment.who, "dim"))
    left = width - len(text) - 1
    if moment.count > 1:
        seconds = (moment.until or moment.at) - moment.at
        many = f" x{moment.count} in {seconds:.1f} s"
        text.append(many, style="dim")
        left -= len(many) + 1
    if moment.detail and left >= min(_READABLE, len(moment.detail)):
        text.append(" " + shortened(plain(moment.detail.strip()), left), style="dim")
    text.rstrip()
    return text
