"""Where a report comes from: the version that made it, and when."""

from __future__ import annotations

from datetime import UTC, datetime


def current_time() -> str:
    """Give the time as reports write it, see `stamp`."""
    return format_time(datetime.now(UTC))


def format_time(moment: datetime) -> str:
    """Write a moment of UTC: ISO 8601, milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def installed_version() -> str:
    """Name the installed version; `unknown` where the package is used without being installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - costs 30 ms that --help has not

    try:
        return version("sherpa-realtime")
    except PackageNotFoundError:
        return "unknown"
