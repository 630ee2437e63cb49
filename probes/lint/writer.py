"""Writing a mended file back: in one step, as it was but for the text, and never over somebody else's work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reports.store.writer import CannotWriteError, reserve_file

if TYPE_CHECKING:
    from probes.lint.files import SourceFile

#: Whoever took all of these away wants the file to stay as it is, even where a new one could take its place.
_WRITABLE = 0o222


def write_source(before: SourceFile, after: SourceFile) -> str:
    """Put the new text in the file's place; permissions, links and the byte order mark stay. Gives why not, or nothing.

    `before` is the file as it was read: where it is another one by now, it is left as it is.
    """
    try:
        if not before.path.stat().st_mode & _WRITABLE or not os.access(before.path, os.W_OK):
            return "it is read-only"
        if before.path.read_bytes() != before.encode(before.text):
            return "it was changed since it was read"
        place = reserve_file(before.path)
    except CannotWriteError as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__
    try:
        if place.draft is None:
            return "not a regular file"
        place.draft.write_bytes(after.encode(after.text))
        place.draft.replace(place.path.resolve())
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        place.discard()
    return ""
