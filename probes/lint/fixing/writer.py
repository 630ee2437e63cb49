"""Writing a fixed file back: atomically, with nothing changed but the text, and never over a change by someone else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reports.store.writer import CannotWriteError, reserve_file

if TYPE_CHECKING:
    from probes.lint.sources.files import SourceFile

#: A file without any of these is meant to stay as it is, even if its folder would allow replacing it.
_WRITABLE = 0o222


def write_source(before: SourceFile, after: SourceFile) -> str:
    """Replace the file's text; permissions, links and the byte order mark stay. Return why not, or an empty text.

    `before` is the file as it was read: if it has changed since, it is left alone.
    """
    try:
        if not before.path.stat().st_mode & _WRITABLE or not os.access(before.path, os.W_OK):
            return "it is read-only"
        if before.path.read_bytes() != before.encode(before.text):
            return "it was changed since it was read"
        reserved = reserve_file(before.path)
    except CannotWriteError as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__
    try:
        if reserved.draft is None:
            return "not a regular file"
        reserved.draft.write_bytes(after.encode(after.text))
        reserved.draft.replace(reserved.path.resolve())
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        reserved.discard()
    return ""
