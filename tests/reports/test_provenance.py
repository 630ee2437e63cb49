from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from reports.provenance import current_time, format_time, installed_version

if TYPE_CHECKING:
    import pytest


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    assert format_time(datetime(2026, 11, 21, 9, 5, 7, 120_999, tzinfo=UTC)) == "2026-11-21T09:05:07.120Z"


def test_now_is_between_two_looks_at_the_clock() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    read = datetime.fromisoformat(current_time())
    assert before <= read <= datetime.now(UTC)


def test_the_version_is_the_installed_one() -> None:
    assert installed_version() == metadata.version("sherpa-realtime")


def test_a_package_that_is_not_installed_has_no_known_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert installed_version() == "unknown"
