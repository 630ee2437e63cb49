"""A kept session, judged offline: the same verdict that the run gave, from its file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from probes.conversation.run import told_of
from probes.conversation.wording import plain_words
from probes.recording.capture import CaptureError, read_capture
from probes.runner.redaction import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from probes.runner.registry import Told


async def events_kept(path: Path, *, show_content: bool = False) -> AsyncGenerator[Told, None]:
    """Read a capture and judge it. Raises CaptureError, in one plain line, for what is no whole capture."""
    capture = await trio.to_thread.run_sync(read_capture, path)
    try:
        for told in told_of(capture, plain_words(), Secrets(), show_content=show_content):
            yield told
    except CaptureError as error:
        raise CaptureError(f"{path}: {error}") from None
