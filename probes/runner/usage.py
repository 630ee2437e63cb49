"""Wrong usage: what nobody can look at as it was asked. Whoever raises this leads the command to exit code 2."""

from __future__ import annotations


class UsageError(Exception):
    """The command was called wrongly, or with a file that is not what it must be; one plain line says how.

    `fix` is what to type then, where that is something else than the command's own `--help`.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


def find_usage_error(error: BaseException) -> UsageError | None:
    """Find the wrong usage in what came out of a run, where nurseries may have wrapped it."""
    if isinstance(error, UsageError):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next(filter(None, map(find_usage_error, inner)), None)
