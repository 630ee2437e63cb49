"""The page's modules in Node.js: the one that Playwright's driver brings along, so that none has to be installed."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright._impl._driver import compute_driver_executable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names the folder of other modules than those that are installed: mutants.
WEB_FOLDER = "SHERPA_TESTS_WEB_FOLDER"
_DRIVE = Path(__file__).with_name("drive.mjs")


@dataclass(frozen=True, slots=True)
class JavaScript:
    """A Node.js process with the modules."""

    process: subprocess.Popen[str]

    def run(self, task: str, **given: Any) -> Any:
        """Run one task of `drive.mjs`, and return its result. A JavaScript error fails the test."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"task": task, **given}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def client(self, *steps: Any, **given: Any) -> ClientRun:
        """Let a SherpaClient live through these steps."""
        return ClientRun(**self.run("client", steps=steps, **given))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRun:
    """What a SherpaClient did: times in ms since its start."""

    trace: list[dict[str, Any]]
    state: str
    badge: str | None
    generation: int
    timers: int

    def sent(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the messages that went out, of one type or all."""
        messages = [one["message"] for one in self.trace if one["kind"] == "send"]
        return [one for one in messages if kind in (None, one["type"])]

    def speech(self) -> list[int]:
        """Return the numbers of the chunks that went out, in order."""
        return [number for one in self.trace if one["kind"] == "audio" for number in one["numbers"]]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the details of the client's own events of one name."""
        return [one["detail"] for one in self.trace if one["kind"] == "event" and one["name"] == name]

    def badges(self) -> list[str | None]:
        """Return the badges in the order in which they were shown."""
        shown = [one["badge"] for one in self.events("state")]
        return [badge for index, badge in enumerate(shown) if not index or shown[index - 1] != badge]

    def times(self, kind: str) -> list[int]:
        """Return when things of one kind happened."""
        return [one["at"] for one in self.trace if one["kind"] == kind]


def web_folder() -> Path:
    """Return where the modules are."""
    return Path(os.environ.get(WEB_FOLDER) or str(files("bridge.server.page") / "web"))


@contextmanager
def running_javascript() -> Iterator[JavaScript]:
    """Run Node.js while the block runs."""
    node = compute_driver_executable()[0]
    with subprocess.Popen(
        [node, _DRIVE, web_folder().as_uri()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield JavaScript(process)
        finally:
            process.kill()
