"""Token buckets by key."""

from __future__ import annotations

from bridge.transport.token_buckets import OwnBucketTable, TokenBuckets


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = TokenBuckets(per_second=2, burst=3)
    assert [buckets.take("a", 10.0) for _ in range(4)] == [True, True, True, False]
    assert buckets.is_empty("a", 10.4)
    assert [buckets.take("a", 10.5) for _ in range(2)] == [True, False]
    assert [buckets.take("a", 99.0) for _ in range(4)] == [True, True, True, False]


def test_keys_have_buckets_of_their_own() -> None:
    buckets = TokenBuckets(per_second=1, burst=1)
    assert buckets.take("a", 0.0)
    assert buckets.take("b", 0.0)
    assert not buckets.take("a", 0.0)


def test_a_reservation_waits_for_its_token_unless_that_takes_too_long() -> None:
    buckets = TokenBuckets(per_second=2, burst=1)
    assert [buckets.reserve("a", 0.0, longest=1.0) for _ in range(4)] == [0.0, 0.5, 1.0, None]
    assert buckets.reserve("a", 0.5, longest=1.0) == 1.0


def test_a_clock_that_goes_back_gives_no_tokens_and_takes_none() -> None:
    buckets = TokenBuckets(per_second=1, burst=1)
    assert buckets.take("a", 100.0)
    assert not buckets.take("a", 50.0)
    assert buckets.take("a", 101.0)


def test_the_table_is_bounded_and_forgets_what_was_used_longest_ago() -> None:
    table = OwnBucketTable(max_keys=2)
    buckets = TokenBuckets(per_second=0.001, burst=1, table=table)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0.0)
    assert len(table) == 2
    assert buckets.take("b", 0.0)
    assert not buckets.take("c", 0.0)
