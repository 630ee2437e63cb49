"""When a client is read more slowly, and when it has exceeded its limits."""

from __future__ import annotations

import pytest

from bridge.server.clients.rate_limit import SUSTAINED_SECONDS, ClientRateLimiter, RateLimits

LIMITS = RateLimits(bytes_per_second=1000, burst_bytes=5000, frames_per_second=10, burst_frames=50)


def test_a_burst_up_to_the_capacity_does_not_wait() -> None:
    rates = ClientRateLimiter(LIMITS)
    assert all(rates.charge(100, 0.0) for _ in range(50))
    assert rates.wait_seconds(0.0) == 0


@pytest.mark.parametrize(("n_bytes", "frames", "wait"), [(0, 51, 0.1), (5500, 1, 0.5)])
def test_beyond_the_burst_reading_waits_until_the_debt_is_paid(n_bytes: int, frames: int, wait: float) -> None:
    rates = ClientRateLimiter(LIMITS)
    assert all(rates.charge(n_bytes, 0.0) for _ in range(frames))
    assert rates.wait_seconds(0.0) == pytest.approx(wait)
    assert rates.wait_seconds(wait) == pytest.approx(0)


def flood(rates: ClientRateLimiter, seconds: float, start: float = 0.0, *, late: float = 0.0) -> float | None:
    """Send without a pause, as fast as the limits allow reading; give when they were exceeded."""
    now = start
    while now < start + seconds:
        if not rates.charge(10, now):
            return now
        wait = rates.wait_seconds(now)
        now += wait + (late if wait else 0.0)
    return None


def test_a_flood_is_slowed_to_the_rate_and_then_ended() -> None:
    ended = flood(ClientRateLimiter(LIMITS), 60)
    assert ended is not None
    assert SUSTAINED_SECONDS <= ended <= SUSTAINED_SECONDS + 0.2


def test_waking_up_late_from_a_wait_is_not_a_pause() -> None:
    ended = flood(ClientRateLimiter(LIMITS), 60, late=0.15)  # a frame and a half of credit each time
    assert ended is not None
    assert SUSTAINED_SECONDS <= ended <= SUSTAINED_SECONDS + 0.4


def test_a_flood_that_stops_in_time_is_forgiven() -> None:
    rates = ClientRateLimiter(LIMITS)
    assert flood(rates, 4) is None
    assert rates.charge(10, 10.0)
    assert flood(rates, 4, start=16) is None


def test_speech_in_real_time_never_waits() -> None:
    rates = ClientRateLimiter(RateLimits())
    for n in range(50 * 60):
        assert rates.charge(1300, n / 50)
        assert rates.wait_seconds(n / 50) == 0


def test_a_bucket_never_exceeds_its_capacity() -> None:
    rates = ClientRateLimiter(LIMITS)
    assert rates.charge(6000, 1000.0)
    assert rates.wait_seconds(1000.0) == pytest.approx(1.0)
