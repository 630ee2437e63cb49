"""What workers share in memory, seen from several processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bridge.server.shared_numbers import SharedBucketTable
from bridge.transport.token_buckets import TokenBuckets

if TYPE_CHECKING:
    from collections.abc import Callable


def in_another_process(act: Callable[[], bool]) -> bool:
    """Return what this says in a forked process."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if act() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_workers_share_a_bucket() -> None:
    table = SharedBucketTable()
    buckets = TokenBuckets(1, 2, table)
    assert buckets.take("a", 100.0)
    assert in_another_process(lambda: buckets.take("a", 100.0))
    assert not buckets.take("a", 100.0)
    assert not in_another_process(lambda: buckets.take("a", 100.0))
    assert buckets.take("b", 100.0)
    assert in_another_process(lambda: buckets.take("a", 101.0))


def test_a_table_takes_any_number_of_keys_and_mixes_up_hardly_any() -> None:
    table = SharedBucketTable()
    for number in range(10_000):
        table.put(f"key {number}", 100.0)
    assert sum(table.full_at(f"another {number}") > 0 for number in range(1_000)) < 10
