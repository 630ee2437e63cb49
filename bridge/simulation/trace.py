"""What happened in a run, line by line, and a hash of it: runs of one seed must have the same hash."""

from __future__ import annotations

import hashlib
from collections import Counter

import trio


class Trace:
    """The lines of one run, each with its virtual time."""

    def __init__(self, *, keep: bool = False) -> None:
        """`keep` keeps the lines; otherwise only their hash is."""
        self._hash = hashlib.sha256()
        self._keep = keep
        self.lines: list[str] = []
        self.fault_counts: Counter[str] = Counter()
        """Faults that took effect, by kind."""

    def note(self, who: str, what: str) -> None:
        """Add a line, `who` did or received `what`, at the current virtual time."""
        line = f"{trio.current_time():11.6f} {who} {what}"
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        if self._keep:
            self.lines.append(line)

    def fault(self, who: str, kind: str) -> None:
        """Add a line about a fault, and count it."""
        self.fault_counts[kind] += 1
        self.note(who, f"! {kind}")

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the hash."""
        return self._hash.hexdigest()[:16]
