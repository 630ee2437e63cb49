"""The exception for wrong usage, which ends a command with exit code 2."""

from __future__ import annotations


class UsageError(Exception):
    """Raised if a command is called with wrong arguments or an invalid file. The message is one line of text.

    `fix` is the command to run instead, if it isn't the command's own `--help`.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


def find_usage_error(error: BaseException) -> UsageError | None:
    """Return the UsageError in an exception or in the exception groups around it; None if there is none."""
    if isinstance(error, UsageError):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next(filter(None, map(find_usage_error, inner)), None)
