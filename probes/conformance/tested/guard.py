"""Ends a bridge that the suite started when the suite dies without a chance to: by SIGKILL, or with its terminal.

The guard is a shell that waits for the end of its standard input, whose other end only the suite has.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Final

import trio

#: The first line names the process group. What ignores SIGTERM for five seconds gets SIGKILL.
_SCRIPT: Final = """
read -r group || exit 0
read -r _
kill -s TERM -- "-$group" || exit 0
for _ in 1 2 3 4 5; do
  sleep 1
  kill -s 0 -- "-$group" || exit 0
done
kill -s KILL -- "-$group"
"""


class GroupGuard:
    """Watches over one process group. `open` it before the group is started, and `aclose` it behind its end."""

    def __init__(self) -> None:
        self._shell: trio.Process | None = None

    async def open(self) -> None:
        """Start the shell, in a session of its own: Ctrl-C is for the suite. Without a shell there is no guard."""
        with suppress(OSError):
            self._shell = await trio.lowlevel.open_process(
                ["sh", "-c", _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    async def watch(self, group: int) -> None:
        """Name the group that ends if the suite does."""
        if self._shell is not None and self._shell.stdin is not None:
            with suppress(trio.BrokenResourceError):
                await self._shell.stdin.send_all(f"{group}\n".encode())

    async def aclose(self) -> None:
        """End the guard: the group has ended."""
        if self._shell is not None:
            self._shell.kill()
            await self._shell.wait()
            if self._shell.stdin is not None:
                await self._shell.stdin.aclose()
