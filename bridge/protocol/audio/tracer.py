"""Tracer audio: a source makes it, a receiver counts it, and any bridge may be in between.

A bridge may re-chunk the audio, split it at any sample, merge, drop, repeat or reorder it, or lose its upstream in the
middle. The receiver still knows which milliseconds were lost, received twice or received late, without help from the
bridge: each cell of 20 ms carries its caller, its sequence number and checksums. `tracer_cell.py` has the format.

How a stream finds the cells. It searches for the magic bytes. Where they begin an intact cell, the cell is counted and
the search continues behind it. Where they do not, the bytes up to the next magic (or one cell's length) are counted as
a damaged cell if the header is readable, else as other audio. Bytes that could still become a cell or a magic are kept
until more arrive: at most one and a half cells. So the counts do not depend on how the audio was cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from bridge.protocol.audio.intervals import IntervalSet
from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.audio.tracer_cell import (
    CELL_BYTES,
    CELL_MS,
    MAGIC_IN_PCM,
    MAX_CALLER,
    CellKind,
    TracerCell,
    contains_tracer,
    make_cell,
    read_caller,
    read_cell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CELL_BYTES", "CELL_MS", "TracerCount", "TracerReceiver", "TracerSource", "TracerStream", "contains_tracer"]

#: A caller without losses costs about 360 bytes, so these are 24 MB: more callers than one machine can serve at once,
#: and a limit for a peer that invents caller numbers. Cells of further callers count as `turned_away_ms`.
MAX_CALLERS = 65_536
#: How many ranges of missing audio a count lists. The sums are always complete.
MAX_GAPS_SHOWN = 16
#: How many more bytes an incomplete magic may need.
_MAGIC_TAIL = len(MAGIC_IN_PCM) - 1


class TracerSource:
    """Makes one caller's audio: whole cells, numbered from 0 without gaps."""

    def __init__(self, caller: int) -> None:
        if not 0 <= caller <= MAX_CALLER:
            raise ValueError(f"a caller number must be between 0 and {MAX_CALLER}, not {caller}")
        self.caller = caller
        self._next = 0

    @property
    def sent_ms(self) -> int:
        """How much audio was made. Pass it to `TracerReceiver.counts` as expected."""
        return self._next * CELL_MS

    def speech(self, ms: int) -> bytes:
        """Return the next `ms` milliseconds as a loud tone. ValueError unless `ms` is a multiple of 20 (or 0)."""
        return self._cells(ms, CellKind.SPEECH)

    def silence(self, ms: int) -> bytes:
        """Return the next `ms` milliseconds, numbered like speech but almost silent. ValueError as for `speech`."""
        return self._cells(ms, CellKind.SILENCE)

    def _cells(self, ms: int, kind: CellKind) -> bytes:
        if ms < 0 or ms % CELL_MS:
            raise ValueError(f"tracer audio is made in cells of {CELL_MS} ms: {ms} ms is not a multiple of that")
        first, self._next = self._next, self._next + ms // CELL_MS
        return b"".join(make_cell(TracerCell(self.caller, number, kind)) for number in range(first, self._next))


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerCount:
    """What arrived of one caller's audio, in milliseconds of the sent audio."""

    received_ms: int
    """Arrived intact; each millisecond is counted once."""
    lost_ms: int
    """Never arrived intact: gaps before the last received cell, and up to the expected end."""
    repeated_ms: int
    """Arrived intact again, each time it did."""
    reordered_ms: int
    """Arrived, for the first time, after something that was sent later."""
    damaged_ms: float
    """Arrived damaged or cut, with a readable header. Also counted as lost, unless it arrived intact another time."""
    first_missing_ms: int | None
    """Where in the sent audio the first gap begins; None without a gap. 0: the first words are lost."""
    missing: tuple[tuple[int, int], ...]
    """The first 16 gaps as (from, to), in milliseconds of the sent audio."""

    @property
    def clean(self) -> bool:
        """Nothing was lost, repeated, reordered or damaged."""
        return not (self.lost_ms or self.repeated_ms or self.reordered_ms or self.damaged_ms)


@dataclass(slots=True)
class _Caller:
    """The running counts of one caller, in cells (damaged: in bytes).

    Memory grows only with gaps: a gap costs about 80 bytes, and there is at least one 960-byte cell per gap.
    """

    received: IntervalSet = field(default_factory=IntervalSet)
    repeated: int = 0
    reordered: int = 0
    damaged: int = 0

    def record(self, sequence: int) -> None:
        late = sequence < self.received.end
        if self.received.add(sequence):
            self.reordered += late
        else:
            self.repeated += 1

    def merge(self, other: _Caller) -> None:
        in_both = len(other.received) - self.received.update(other.received)
        self.repeated += other.repeated + in_both
        self.reordered += other.reordered
        self.damaged += other.damaged

    def to_dict(self) -> dict[str, object]:
        return {
            "seen": [list(both) for both in self.received],
            "repeated": self.repeated,
            "reordered": self.reordered,
            "damaged_bytes": self.damaged,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        return cls(
            IntervalSet((int(first), int(end)) for first, end in plain["seen"]),
            int(plain["repeated"]),
            int(plain["reordered"]),
            int(plain["damaged_bytes"]),
        )

    def count(self, expected: int) -> TracerCount:
        end = max(self.received.end, expected)
        missing = tuple((a * CELL_MS, b * CELL_MS) for a, b in islice(self.received.gaps(end), MAX_GAPS_SHOWN))
        return TracerCount(
            received_ms=len(self.received) * CELL_MS,
            lost_ms=(end - len(self.received)) * CELL_MS,
            repeated_ms=self.repeated * CELL_MS,
            reordered_ms=self.reordered * CELL_MS,
            damaged_ms=bytes_to_ms(self.damaged),
            first_missing_ms=missing[0][0] if missing else None,
            missing=missing,
        )


class TracerStream:
    """One stream of audio into a receiver: finds the cells, wherever the chunks were cut.

    It keeps less than one and a half cells until more audio arrives.
    """

    __slots__ = ("_owner", "_pending", "_receiver")

    def __init__(self, receiver: TracerReceiver) -> None:
        self._receiver = receiver
        self._pending = b""
        self._owner: int | None = None

    def feed(self, pcm: bytes) -> None:
        """Add the next chunk, of any length. Never raises, whatever the bytes are."""
        pcm = self._pending + pcm if self._pending else pcm
        self._pending = pcm[self._read(pcm, last=False) :]

    def finish(self) -> None:
        """End the stream: what was kept back is counted as damaged, or as other audio."""
        self._read(self._pending, last=True)
        self._pending = b""

    def _read(self, pcm: bytes, *, last: bool) -> int:
        """Count everything that is decided already. Return how many bytes that is."""
        at, size, receiver = 0, len(pcm), self._receiver
        while at < size:
            cell = read_cell(pcm, at)
            if cell is not None:
                receiver.record_cell(cell[0], cell[1])
                if cell[0] != self._owner:
                    self._note_owner(cell[0])
                at += CELL_BYTES
                continue
            step = self._skip(pcm, at, last=last)
            if not step:
                break
            at += step
        return at

    def _note_owner(self, caller: int) -> None:
        """A stream belongs to its first caller. Cells of other callers are counted as mixed up."""
        if self._owner is None:
            self._owner = caller
        else:
            self._receiver.record_mixed()

    def _skip(self, pcm: bytes, at: int, *, last: bool) -> int:
        """Count bytes that are not an intact cell, up to the next possible one. Return how many; 0 if it needs more."""
        found = pcm.find(MAGIC_IN_PCM, at)
        if found != at:
            end = found if found >= 0 else len(pcm) - (0 if last else _MAGIC_TAIL)
            self._receiver.record_other(max(end - at, 0))
            return max(end - at, 0)
        if len(pcm) - at < CELL_BYTES + _MAGIC_TAIL and not last:
            return 0
        following = pcm.find(MAGIC_IN_PCM, at + len(MAGIC_IN_PCM), at + CELL_BYTES + _MAGIC_TAIL)
        end = following if following >= 0 else min(at + CELL_BYTES, len(pcm))
        self._receiver.record_damaged(read_caller(pcm, at), end - at)
        return end - at


class TracerReceiver:
    """Counts the tracer audio of all callers. Feed it one stream directly, or several streams through `stream()`.

    To combine the receivers of several processes, send them as dicts (`to_dict`) and `merge` them.
    """

    def __init__(self, *, max_callers: int = MAX_CALLERS) -> None:
        self._callers: dict[int, _Caller] = {}
        self._max_callers = max_callers
        self._other = 0
        self._turned_away = 0
        self._mixed = 0
        self._own = TracerStream(self)

    def feed(self, pcm: bytes) -> None:
        """Add the next chunk of the receiver's own stream, of any length. Never raises."""
        self._own.feed(pcm)

    def finish(self) -> None:
        """End the receiver's own stream: what it kept back (an incomplete cell) is counted now."""
        self._own.finish()

    def stream(self) -> TracerStream:
        """Return another stream into this receiver. Use one per connection: their bytes must not be mixed."""
        return TracerStream(self)

    def record_cell(self, caller: int, sequence: int) -> None:
        """Count an intact cell. Streams call it."""
        counts = self._counts_of(caller)
        if counts is None:
            self._turned_away += CELL_BYTES
        else:
            counts.record(sequence)

    def record_mixed(self) -> None:
        """Count a cell that came in the stream of another caller. Streams call it."""
        self._mixed += CELL_BYTES

    def record_damaged(self, caller: int | None, n_bytes: int) -> None:
        """Count the bytes of a damaged cell; `caller` None if its header is not readable. Streams call it."""
        counts = None if caller is None else self._counts_of(caller)
        if counts is None:
            self._other += n_bytes
        else:
            counts.damaged += n_bytes

    def record_other(self, n_bytes: int) -> None:
        """Count bytes that do not belong to a recognizable cell. Streams call it."""
        self._other += n_bytes

    @property
    def other_ms(self) -> float:
        """Audio that is not tracer audio, or too damaged to know its caller."""
        return bytes_to_ms(self._other)

    @property
    def turned_away_ms(self) -> float:
        """Intact cells of callers beyond `max_callers`, which are not counted. 0 in an ordinary run."""
        return bytes_to_ms(self._turned_away)

    @property
    def mixed_ms(self) -> float:
        """Intact cells that came in the stream of another caller. 0 if each stream has one caller."""
        return bytes_to_ms(self._mixed)

    @property
    def callers(self) -> Iterator[int]:
        """The callers received so far, in the order of their first cell."""
        return iter(self._callers)

    def counts(self, expected: Mapping[int, int] | None = None) -> Mapping[int, TracerCount]:
        """Return what arrived of each caller's audio.

        `expected` is how many milliseconds each caller sent (`TracerSource.sent_ms`). Without it, the loss of the last
        cells, or of a whole caller, is not visible. Call `finish` first: bytes that are kept back are not counted.
        """
        expected = expected or {}
        all_counts = {**dict.fromkeys(expected, _Caller()), **self._callers}
        return {caller: counts.count(expected.get(caller, 0) // CELL_MS) for caller, counts in all_counts.items()}

    def merge(self, other: TracerReceiver) -> None:
        """Add what another receiver counted. A cell in both counts as repeated; order is not compared."""
        for caller, theirs in other._callers.items():
            counts = self._counts_of(caller)
            if counts is None:
                self._turned_away += CELL_BYTES * (len(theirs.received) + theirs.repeated)
                self._other += theirs.damaged
            else:
                counts.merge(theirs)
        self._other += other._other
        self._mixed += other._mixed
        self._turned_away += other._turned_away

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready values. Caller numbers are strings: JSON readers round numbers beyond 2**53."""
        return {
            "other_bytes": self._other,
            "turned_away_bytes": self._turned_away,
            "mixed_bytes": self._mixed,
            "callers": {str(caller): counts.to_dict() for caller, counts in self._callers.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Make a receiver from the values of `to_dict`. KeyError, TypeError or ValueError for anything else."""
        receiver = cls()
        receiver._other, receiver._turned_away = int(plain["other_bytes"]), int(plain["turned_away_bytes"])
        receiver._mixed = int(plain["mixed_bytes"])
        for caller, counts in plain["callers"].items():
            receiver._callers[int(caller)] = _Caller.from_dict(counts)
        return receiver

    def _counts_of(self, caller: int) -> _Caller | None:
        """Return the caller's counts, new if needed; None if there are too many callers already."""
        counts = self._callers.get(caller)
        if counts is None and len(self._callers) < self._max_callers:
            counts = self._callers[caller] = _Caller()
        return counts
