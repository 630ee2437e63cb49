"""Tracer audio: made by a source, accounted for by whoever receives it, through any bridge between them.

A bridge may re-chunk it, split it at any sample, merge, drop, repeat or reorder it, or lose its upstream in the middle:
the account still tells which milliseconds were lost, came twice or came late. It asks no help of the bridge.
The format of a cell, and what it doesn't survive, is told in `tracer_cell.py`.
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

#: An untroubled caller costs about 360 bytes, so these are 24 MB: far more callers than one machine can serve at once,
#: and a stop for a peer that makes up caller numbers. Cells of further callers count as `turned_away_ms`.
MAX_CALLERS = 65_536
#: Ranges of missing audio listed in a count; the sums are always complete.
MAX_GAPS_SHOWN = 16
#: A magic that has begun may need this many more bytes to be seen.
_MAGIC_TAIL = len(MAGIC_IN_PCM) - 1


class TracerSource:
    """One caller's audio: whole cells, numbered from 0 without a hole for as long as the source lives."""

    def __init__(self, caller: int) -> None:
        if not 0 <= caller <= MAX_CALLER:
            raise ValueError(f"a caller number is between 0 and {MAX_CALLER}, not {caller}")
        self.caller = caller
        self._next = 0

    @property
    def sent_ms(self) -> int:
        """How much audio was made: what `TracerReceiver.report` takes as expected."""
        return self._next * CELL_MS

    def speech(self, ms: int) -> bytes:
        """Give the next `ms` milliseconds as a loud tone. ValueError unless `ms` is a multiple of 20, 0 included."""
        return self._cells(ms, CellKind.SPEECH)

    def silence(self, ms: int) -> bytes:
        """Give the next `ms` milliseconds, numbered like speech but all but silent. ValueError as for `speech`."""
        return self._cells(ms, CellKind.SILENCE)

    def _cells(self, ms: int, kind: CellKind) -> bytes:
        if ms < 0 or ms % CELL_MS:
            raise ValueError(f"tracer audio is made in cells of {CELL_MS} ms: {ms} ms is not a multiple of that")
        first, self._next = self._next, self._next + ms // CELL_MS
        return b"".join(make_cell(TracerCell(self.caller, number, kind)) for number in range(first, self._next))


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerCount:
    """What became of one caller's audio, in milliseconds of what was sent."""

    received_ms: int
    """Arrived whole, each millisecond counted once."""
    lost_ms: int
    """Never arrived whole: holes before the last that did, and up to what was expected."""
    repeated_ms: int
    """Arrived whole again, however often."""
    reordered_ms: int
    """Arrived (for the first time) after something sent later."""
    damaged_ms: float
    """Arrived hurt or cut, its header still readable. Also lost, unless it came whole another time."""
    first_missing_ms: int | None
    """Where in the sent audio the first hole begins; None without a hole. 0: the first words are gone."""
    missing: tuple[tuple[int, int], ...]
    """The first 16 holes as (from, to) in the sent audio's milliseconds."""

    @property
    def clean(self) -> bool:
        """Nothing lost, twice, late or hurt."""
        return not (self.lost_ms or self.repeated_ms or self.reordered_ms or self.damaged_ms)


@dataclass(slots=True)
class _Caller:
    """The running tally of one caller, in cells (damaged: bytes).

    Its memory grows with holes only: a hole costs some 80 bytes and comes with at least one 960-byte cell.
    """

    seen: IntervalSet = field(default_factory=IntervalSet)
    repeated: int = 0
    reordered: int = 0
    damaged: int = 0

    def take(self, sequence: int) -> None:
        late = sequence < self.seen.end
        if self.seen.add(sequence):
            self.reordered += late
        else:
            self.repeated += 1

    def merge(self, other: _Caller) -> None:
        in_both = len(other.seen) - self.seen.update(other.seen)
        self.repeated += other.repeated + in_both
        self.reordered += other.reordered
        self.damaged += other.damaged

    def to_dict(self) -> dict[str, object]:
        return {
            "seen": [list(both) for both in self.seen],
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
        end = max(self.seen.end, expected)
        missing = tuple((a * CELL_MS, b * CELL_MS) for a, b in islice(self.seen.gaps(end), MAX_GAPS_SHOWN))
        return TracerCount(
            received_ms=len(self.seen) * CELL_MS,
            lost_ms=(end - len(self.seen)) * CELL_MS,
            repeated_ms=self.repeated * CELL_MS,
            reordered_ms=self.reordered * CELL_MS,
            damaged_ms=bytes_to_ms(self.damaged),
            first_missing_ms=missing[0][0] if missing else None,
            missing=missing,
        )


class TracerStream:
    """One run of bytes into an account: it finds the cells, wherever the pieces were cut.

    What it found is the same for any cutting. It holds back less than a cell and a half until more arrives.
    """

    __slots__ = ("_account", "_owner", "_pending")

    def __init__(self, account: TracerReceiver) -> None:
        self._account = account
        self._pending = b""
        self._owner: int | None = None

    def feed(self, pcm: bytes) -> None:
        """Take the next piece, of any length. Never raises, whatever the bytes are."""
        pcm = self._pending + pcm if self._pending else pcm
        self._pending = pcm[self._read(pcm, last=False) :]

    def finish(self) -> None:
        """No more will come (the socket closed): what was held back is counted as hurt, or as other audio."""
        self._read(self._pending, last=True)
        self._pending = b""

    def _read(self, pcm: bytes, *, last: bool) -> int:
        """Count all that can be decided; return how far that goes."""
        at, size, account = 0, len(pcm), self._account
        while at < size:
            cell = read_cell(pcm, at)
            if cell is not None:
                account.record_cell(cell[0], cell[1])
                if cell[0] != self._owner:
                    self._note_owner(cell[0])
                at += CELL_BYTES
                continue
            step = self._step_over(pcm, at, last=last)
            if not step:
                break
            at += step
        return at

    def _note_owner(self, caller: int) -> None:
        """A stream is the first caller's; cells of others do not belong here."""
        if self._owner is None:
            self._owner = caller
        else:
            self._account.record_mixed()

    def _step_over(self, pcm: bytes, at: int, *, last: bool) -> int:
        """Count bytes that begin no intact cell, up to the next possible one. 0: it takes more bytes to tell."""
        found = pcm.find(MAGIC_IN_PCM, at)
        if found != at:
            end = found if found >= 0 else len(pcm) - (0 if last else _MAGIC_TAIL)
            self._account.record_other(max(end - at, 0))
            return max(end - at, 0)
        if len(pcm) - at < CELL_BYTES + _MAGIC_TAIL and not last:
            return 0
        following = pcm.find(MAGIC_IN_PCM, at + len(MAGIC_IN_PCM), at + CELL_BYTES + _MAGIC_TAIL)
        end = following if following >= 0 else min(at + CELL_BYTES, len(pcm))
        self._account.record_damaged(read_caller(pcm, at), end - at)
        return end - at


class TracerReceiver:
    """All that was received, of every caller. Feed it one stream directly, or several through `stream()`.

    Only values go in and out, so the accounts of several processes can be carried as dicts and merged.
    """

    def __init__(self, *, max_callers: int = MAX_CALLERS) -> None:
        self._callers: dict[int, _Caller] = {}
        self._max_callers = max_callers
        self._other = 0
        self._turned_away = 0
        self._mixed = 0
        self._own = TracerStream(self)

    def feed(self, pcm: bytes) -> None:
        """Take the next piece of the account's own stream, of any length. Never raises."""
        self._own.feed(pcm)

    def finish(self) -> None:
        """The account's own stream ended: what it held back (an incomplete cell) is counted now."""
        self._own.finish()

    def stream(self) -> TracerStream:
        """Another stream into this account: one for each socket, since their bytes must not run together."""
        return TracerStream(self)

    def record_cell(self, caller: int, sequence: int) -> None:
        """Count one intact cell. Called by streams."""
        tally = self._tally(caller)
        if tally is None:
            self._turned_away += CELL_BYTES
        else:
            tally.take(sequence)

    def record_mixed(self) -> None:
        """Count a cell that came in the stream of another caller. Called by streams."""
        self._mixed += CELL_BYTES

    def record_damaged(self, caller: int | None, n_bytes: int) -> None:
        """Count the bytes of a cell that isn't whole; of nobody's when its header can't be read. Called by streams."""
        tally = None if caller is None else self._tally(caller)
        if tally is None:
            self._other += n_bytes
        else:
            tally.damaged += n_bytes

    def record_other(self, n_bytes: int) -> None:
        """Count bytes that are no part of a cell that could be told. Called by streams."""
        self._other += n_bytes

    @property
    def other_ms(self) -> float:
        """Audio that is no tracer audio, or too badly hurt to say whose it was."""
        return bytes_to_ms(self._other)

    @property
    def turned_away_ms(self) -> float:
        """Intact cells of callers beyond the bound: counted for nobody. 0 in an honest run."""
        return bytes_to_ms(self._turned_away)

    @property
    def mixed_ms(self) -> float:
        """Intact cells that came in a stream behind one of another caller. 0 where each stream is one caller's."""
        return bytes_to_ms(self._mixed)

    @property
    def callers(self) -> Iterator[int]:
        """The callers heard so far, in the order they were first heard."""
        return iter(self._callers)

    def counts(self, expected: Mapping[int, int] | None = None) -> Mapping[int, TracerCount]:
        """What became of each caller's audio.

        `expected` says how many ms each caller sent (`TracerSource.sent_ms`): without it the loss of the last cells,
        or of a caller altogether, can't be seen. Bytes still held back are in no count: `finish` first.
        """
        expected = expected or {}
        tallies = {**dict.fromkeys(expected, _Caller()), **self._callers}
        return {caller: tally.count(expected.get(caller, 0) // CELL_MS) for caller, tally in tallies.items()}

    def merge(self, other: TracerReceiver) -> None:
        """Add what another account received. A cell in both counts as repeated; order between the two is unknowable."""
        for caller, theirs in other._callers.items():
            tally = self._tally(caller)
            if tally is None:
                self._turned_away += CELL_BYTES * (len(theirs.seen) + theirs.repeated)
                self._other += theirs.damaged
            else:
                tally.merge(theirs)
        self._other += other._other
        self._mixed += other._mixed
        self._turned_away += other._turned_away

    def to_dict(self) -> dict[str, object]:
        """Plain JSON-ready values. Caller numbers are text: JSON readers round numbers past 2**53."""
        return {
            "other_bytes": self._other,
            "turned_away_bytes": self._turned_away,
            "callers": {str(caller): tally.to_dict() for caller, tally in self._callers.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`. KeyError, TypeError or ValueError when `plain` is something else."""
        account = cls()
        account._other, account._turned_away = int(plain["other_bytes"]), int(plain["turned_away_bytes"])
        for caller, tally in plain["callers"].items():
            account._callers[int(caller)] = _Caller.from_dict(tally)
        return account

    def _tally(self, caller: int) -> _Caller | None:
        """The caller's tally, begun if need be; None when there are too many callers already."""
        tally = self._callers.get(caller)
        if tally is None and len(self._callers) < self._max_callers:
            tally = self._callers[caller] = _Caller()
        return tally
