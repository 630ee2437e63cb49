"""A kept session, judged offline: the same verdict that the run gave, from its file alone."""

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
    """Read a capture and judge it. Raises CaptureError, in one plain line, for what is no whole capture."""
    capture = await trio.to_thread.run_sync(read_capture, path)
    try:
        for told in report_items(capture, offline_wording(), Secrets(), show_content=show_content):
            yield told
    except CaptureError as error:
        raise CaptureError(f"{path}: {error}") from None
