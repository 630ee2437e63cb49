"""Cases of the conformance suite that the browser's client can't speak, or in which it has no part: why, and which.

All others run. A well-behaved client never does what most of these need; the suite's own client does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_APPLICABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "it sends what no valid client sends: text that is no message, half a sample, nothing at all": (
        *("A-05", "E-03", "E-07", "E-10"),
        *(f"I-{number:02}" for number in range(1, 15)),
    ),
    "it writes WebSocket frames itself, or faster than people speak": (
        *(f"I-{number}" for number in range(15, 23)),
        "I-25",
        "I-26",
        "I-27",
    ),
    "it reads nothing for a while, which no page can choose": ("I-23", "I-24"),
    "it breaks TCP, of which a page has no hold": ("J-03", "J-04", "J-06", "J-08"),
    "it needs no client: a request over HTTP, or an upgrade with another path or origin": (
        "A-19",
        "A-20",
        "A-21",
        "A-22",
        "A-23",
    ),
    "it speaks the native endpoint, which is for clients of the service": tuple(
        f"M-{number:02}" for number in range(1, 25)
    ),
    "it sends the requests of the REST fallback itself": tuple(f"L-{number:02}" for number in range(1, 11)),
    "it wants an answer while there is no session; this client asks for a session first": (
        "A-01",
        "B-08",
        "B-17",
        "E-06",
    ),
    "it lets the bridge hold speech; this client holds it itself until the session is ready": ("B-05", "B-09"),
    "it asks for a session while there is one, which this client never does": ("A-07",),
    "it goes on with its socket behind `end_session`; this client closes it in the same moment": (
        "A-06",
        "H-10",
        "J-07",
    ),
    "it speaks in JSON, or hears in binary frames: this client does neither": ("B-10", "C-13"),
}
