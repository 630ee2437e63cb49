"""Judges a capture file offline, with the same rules as when the session was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from probes.conversation.run import report_items
from probes.conversation.wording import offline_wording
from probes.recording.capture import CaptureError, read_capture
from probes.runner.redaction import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from probes.runner.findings import ProbeItem


async def events_offline(path: Path, *, show_content: bool = False) -> AsyncGenerator[ProbeItem, None]:
    """Read a capture file and yield its findings and metrics. Raises CaptureError for an invalid file."""
    capture = await trio.to_thread.run_sync(read_capture, path)
    try:
        for item in report_items(capture, offline_wording(), Secrets(), show_content=show_content):
            yield item
    except CaptureError as error:
        raise CaptureError(f"{path}: {error}") from None
