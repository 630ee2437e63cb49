"""A client driver as a process, seen from a test: commands go in, events come out. `drivers/protocol.py` lists both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: How long a command or an event may take, also on a busy machine. A library that hangs is given up after it.
WAIT_SECONDS: Final = 45.0

Event = dict[str, Any]


class CommandFailed(Exception):  # noqa: N818 - the name says what is the matter
    """The library raised an error at a command. The message is the error's."""


class DriverProcess:
    """One driver. `events` is everything that it has told so far."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path) -> None:
        self.log = log
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._ended = False
        self._commands = 0
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=folder,
                text=True, start_new_session=True,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def alive(self) -> bool:
        """Whether it still takes commands."""
        return not self._ended

    def call(self, do: str, **fields: Any) -> None:
        """Carry out a command. Raises CommandFailed, and AssertionError if it takes too long."""
        before = len(self.events)
        number = self.send(do, **fields)
        answer = self.wait(("answer", "failure"), before, id=number)
        if answer["event"] == "failure":
            raise CommandFailed(answer["text"])

    def send(self, do: str, **fields: Any) -> int:
        """Send a command without waiting for its answer, and return the command's number."""
        assert self._process.stdin is not None
        self._commands += 1
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, "id": self._commands, **fields}) + "\n")
            self._process.stdin.flush()
        return self._commands

    def wait(self, kinds: Sequence[str], since: int, *, texts: Sequence[str] = (), **fields: Any) -> Event:
        """Wait for an event of one of these kinds, whose text contains one of `texts`, from the index `since` on.

        Raises AssertionError with all events if it does not come.
        """
        end = time.monotonic() + WAIT_SECONDS
        with self._changed:
            while True:
                for event in self.events[since:]:
                    fits = all(event.get(name) == value for name, value in fields.items())
                    if event["event"] in kinds and fits and _contains(event, texts):
                        return event
                left = end - time.monotonic()
                if left <= 0 or self._ended:
                    why = "the driver has ended" if self._ended else f"not within {WAIT_SECONDS:g} s"
                    wanted = " or ".join(map(repr, texts)) or "of any text"
                    raise AssertionError(f"no {' or '.join(kinds)} {wanted}: {why}\n{self.account(since)}")
                self._changed.wait(left)

    def account(self, since: int = 0) -> str:
        """Return the events and the end of the log, for the message of a failed test."""
        lines = list(dict.fromkeys(json.dumps(event)[:300] for event in self.events[since:]))
        logged = self.log.read_text(errors="replace").splitlines()[-25:]
        return "\n".join(["events:", *lines, "log:", *logged])

    def stop(self) -> None:
        """End it. It need not be willing."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)
        self._reader.join(60)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _contains(event: Event, texts: Sequence[str]) -> bool:
    return not texts or any(text in event.get("text", "") for text in texts)
