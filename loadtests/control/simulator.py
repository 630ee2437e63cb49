"""Client for the control API of the simulator behind the target. Plain HTTP, independent of Locust."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from loadtests.control.http_client import FetchError, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = 15.0
#: A record of 65,536 callers takes about 8 MB.
_MAX_BYTES = 64_000_000
_CLOSE_CODE = 1012  # service restart: the code that the service uses when it closes sessions


class ControlError(Exception):
    """The simulator did not respond, or not as expected; the message says why."""


class ReceivedAudio(msgspec.Struct, frozen=True):
    """What arrived of one caller's audio, in ms."""

    received_ms: int
    lost_ms: int
    """Gaps before the last audio that arrived."""
    repeated_ms: int
    reordered_ms: int


class _Answer(msgspec.Struct, frozen=True):
    now: float
    live: int
    dials: list[tuple[float, int]]
    turned_away_ms: float
    mixed_ms: float
    tracer: dict[str, dict[str, ReceivedAudio]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSnapshot:
    """What the simulator saw of a run."""

    open_sockets: int
    """Sockets that are open now."""
    dials: tuple[tuple[float, int], ...]
    """Dials per tenth of a second, as (Unix time on this machine's clock, count)."""
    received: Mapping[int, ReceivedAudio]
    """By caller number."""
    untracked_ms: float = 0.0
    """Audio of callers that it had no room to track."""
    crosstalk_ms: float = 0.0
    """Audio that arrived in another caller's session."""


class ControlClient:
    """One simulator. Every method raises ControlError."""

    def __init__(self, url: str) -> None:
        """`url` ends in `/_sim`, or is the address of the simulator."""
        base = url.rstrip("/")
        self.url = base if base.endswith("/_sim") else f"{base}/_sim"

    def reset(self) -> None:
        """Clear its records and stop every fault."""
        self._request("/reset", {})

    def set_faults(self, faults: tuple[str, ...]) -> None:
        """Apply these faults to sessions that start from now on."""
        self._request("/scenario", {"faults": faults})

    def restore(self) -> None:
        """Restore the behaviour that the simulator was started with."""
        self._request("/scenario", {"scenario": ""})

    def cut(self, how: str) -> int:
        """End every session now. Returns how many there were."""
        try:
            return int(self._request("/cut", {"how": how, "code": _CLOSE_CODE})["cut"])
        except (KeyError, TypeError, ValueError):
            raise ControlError(f"the simulator at {self.url} did not report how many sessions it cut") from None

    def snapshot(self) -> UpstreamSnapshot:
        """Return what arrived since `reset`."""
        requested_at = time.time()
        try:
            answer = msgspec.convert(self._request("/account"), _Answer)
            received = _by_caller(answer)
        except (msgspec.ValidationError, ValueError) as error:
            raise ControlError(f"the simulator at {self.url} sent an unexpected response: {error}") from None
        ahead = answer.now - requested_at
        dials = tuple((at - ahead, count) for at, count in answer.dials)
        return UpstreamSnapshot(
            open_sockets=answer.live,
            dials=dials,
            received=received,
            untracked_ms=answer.turned_away_ms,
            crosstalk_ms=answer.mixed_ms,
        )

    def _request(self, path: str, body: object = None) -> Any:
        data = None if body is None else msgspec.json.encode(body)
        try:
            return msgspec.json.decode(fetch(f"{self.url}{path}", data, timeout=_TIMEOUT_SECONDS, max_bytes=_MAX_BYTES))
        except FetchError as error:
            if error.status:
                raise ControlError(
                    f"the simulator at {self.url} responded {error.status} to {path}: {error.reason}"
                ) from None
            raise ControlError(f"no simulator's control API at {self.url}: {error.reason}") from None
        except (ValueError, RecursionError) as error:
            raise ControlError(f"no simulator's control API at {self.url}: {error}") from None


def _by_caller(answer: _Answer) -> dict[int, ReceivedAudio]:
    by_caller: dict[int, ReceivedAudio] = {}
    for callers in answer.tracer.values():
        for caller, received in callers.items():
            existing = by_caller.get(int(caller))
            by_caller[int(caller)] = received if existing is None else _combined(existing, received)
    return by_caller


def _combined(one: ReceivedAudio, other: ReceivedAudio) -> ReceivedAudio:
    """Combine what arrived of one caller under two keys. Audio in both counts as repeated."""
    end = max(one.received_ms + one.lost_ms, other.received_ms + other.lost_ms)
    received = one.received_ms + other.received_ms
    return ReceivedAudio(
        received_ms=min(end, received),
        lost_ms=max(0, end - received),
        repeated_ms=one.repeated_ms + other.repeated_ms + max(0, received - end),
        reordered_ms=one.reordered_ms + other.reordered_ms,
    )
