"""The rows that each probe can show, by name: codes of what passed or was skipped are made of them.

Told here, apart from the probes themselves, so that explaining a code costs no network stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECK_NAMES: Mapping[str, tuple[str, ...]] = {
    "access": ("name", "tcp, tls", "key", "model", "mint", "upgrade", "session", "confirm", "auth"),
    "models": ("key", "realtime", "transcription", "translation", "live", "require", "model"),
    "events": (
        *("connect", "session", "ready", "events", "order", "answer", "transcript", "audio", "function", "end"),
    ),
    "bridge": (
        *("name", "tcp, tls", "health", "upgrade", "connected", "ping", "session", "speech in", "speech out"),
        *("early speech", "tracer", "events", "errors", "end", "again", "timestamps", "fields", "close"),
    ),
}
#: The row of a probe that was skipped as a whole, among several.
ALL_CHECKS = "all"
