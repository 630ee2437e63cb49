"""The origin of a report: version and time."""

from __future__ import annotations

from datetime import UTC, datetime


def current_time() -> str:
    """Return the current time in the format of reports, see `format_time`."""
    return format_time(datetime.now(UTC))


def format_time(moment: datetime) -> str:
    """Format a UTC time as ISO 8601 with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def installed_version() -> str:
    """Return the installed version, or `unknown` if the package is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - costs 30 ms that --help has not

    try:
        return version("sherpa-realtime")
    except PackageNotFoundError:
        return "unknown"
