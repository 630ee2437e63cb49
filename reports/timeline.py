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


class Folding:
    """Folds streams while they come: a hundred deltas, or appends, become one line that says so.

    Streams that run side by side (transcript and audio, appends and whatever comes meanwhile) fold into a line each;
    any other event ends them. `add` gives the lines that are finished by it, `rest` those that still grew.
    """

    def __init__(self) -> None:
        self._growing: list[Moment] = []

    def add(self, moment: Moment) -> list[Moment]:
        """Take the next moment; give the lines that will not change any more."""
        if moment.what.endswith(_STREAMS):
            place = next((i for i, known in enumerate(self._growing) if _same_stream(known, moment)), None)
            if place is None:
                self._growing.append(moment)
            else:
                self._growing[place] = _grown(self._growing[place], moment)
            return []
        return [*self.rest(), moment]

    def rest(self) -> list[Moment]:
        """Give the lines that were still growing; nothing follows."""
        growing, self._growing = self._growing, []
        return growing


def fold(moments: Iterable[Moment]) -> list[Moment]:
    """Fold a whole timeline."""
    folding = Folding()
    lines = [line for moment in moments for line in folding.add(moment)]
    return [*lines, *folding.rest()]


def _same_stream(known: Moment, moment: Moment) -> bool:
    return (known.who, known.what) == (moment.who, moment.what)


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
        took = f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"  # noqa: PLR2004 - a readable unit
        many = f" x{moment.count} in {took}"
        text.append(many, style="dim")
        left -= len(many) + 1
    if moment.detail and left >= min(_READABLE, len(moment.detail)):
        text.append(" " + shortened(plain(moment.detail.strip()), left), style="dim")
    text.rstrip()
    return text
