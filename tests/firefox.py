"""The Firefox of this machine, over WebDriver BiDi: Playwright drives only a Firefox of its own making.

Its microphone is a tone, and its loudspeaker a mock of the sound library: no sound device is needed. Without the mock,
and without a sound server, an AudioContext of Firefox never runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES: Final = ("firefox-esr", "firefox")
_LISTENS: Final = "WebDriver BiDi listening on "
_START_SECONDS: Final = 90.0
_ANSWER_SECONDS: Final = 90.0
_PREFERENCES: Final = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.cubeb.force_mock_context": True,
    "media.autoplay.default": 0,
    # Nothing but the page's own requests.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.region.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:1",
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """A running Firefox with one tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, count(1)
        self.complaints: list[str] = []
        capabilities = self._call("session.new", capabilities={})["capabilities"]
        self.version = str(capabilities["browserVersion"])
        self._call("session.subscribe", events=["log.entryAdded"])
        self._tab = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=_ANSWER_SECONDS))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.complaints.append(str(message["params"]["text"]))
            if message.get("id") == number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result

    def before_each_page(self, function: str) -> None:
        """Call a function in each page before its own scripts."""
        self._call("script.addPreloadScript", functionDeclaration=function)

    def open(self, url: str) -> None:
        """Load a page; what the one before complained of is forgotten."""
        for target in ("about:blank", url):
            self.complaints.clear()
            self._call("browsingContext.navigate", context=self._tab, url=target, wait="complete")

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression, as JSON can say it, with a person's click behind it."""
        expression = f"Promise.resolve({script}).then((value) => JSON.stringify(value) ?? 'null')"
        target = {"context": self._tab}
        done = self._call(
            "script.evaluate", expression=expression, target=target, awaitPromise=True, userActivation=True
        )
        assert done["type"] == "success", done["exceptionDetails"]["text"]
        return json.loads(done["result"]["value"])

    def wait_for(self, script: str, seconds: float = 30) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < end, f"never came: {script}"
            time.sleep(0.05)
        return value


@contextmanager
def running_firefox(folder: Path) -> Iterator[Firefox]:
    """Run Firefox with a fresh profile while the block runs. Skips the test where there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no Firefox here (looked for {', '.join(_NAMES)}). On Debian: apt-get install firefox-esr")
    profile, log = folder / "profile", folder / "firefox.log"
    profile.mkdir()
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    words = [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    environment = {**os.environ, "HOME": str(folder)}
    with (
        log.open("wb") as out,
        subprocess.Popen(words, stdout=out, stderr=out, env=environment) as process,
    ):
        try:
            with connect(f"{_address(process, log)}/session", max_size=None, open_timeout=_START_SECONDS) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until Firefox says where it listens."""
    end = time.monotonic() + _START_SECONDS
    while True:
        _, said, rest = log.read_text(errors="replace").partition(_LISTENS)
        if said and "\n" in rest:
            return rest.split()[0]
        assert process.poll() is None, f"Firefox ended: {log.read_text(errors='replace')[-1_000:]}"
        assert time.monotonic() < end, "Firefox does not listen"
        time.sleep(0.1)
