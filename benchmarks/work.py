"""What the bridge executes for one round trip: calls of functions and lines of Python, counted, not timed.

    python -m benchmarks.work            # counts at both endpoints, and the functions that are called most
    python -m benchmarks.work --json     # the counts only

A whole bridge runs in one thread with its real sockets; one caller and the upstream are in threads of their own, which
are not counted. There is one chunk in flight, and each side waits until the bridge is idle before it sends, so nothing
depends on how fast the machine is: the counts are the same on any machine with the same versions of Python and of the
libraries. With many callers a round trip costs less than this, because one wake-up serves several sockets. The limits
are in `tests/benchmarks/test_work.py`.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve

from bridge.config.resolve import Flags, read_config
from bridge.server.assembly import make_bridge, make_connector, upstream_from_config
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.config.settings import BridgeSettings, ClientRules
from bridge.telemetry.log import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    from websockets.sync.client import ClientConnection

ENDPOINTS: Final = {"client": "/api/openai/realtime", "native": "/v1/realtime?model=gpt-realtime-2.1"}
#: Round trips are counted in batches, and the least batch is the result: a timer may go off in any of the others.
BATCHES: Final = 2
BATCH: Final = 20
#: Round trips before counting: what is made once, or grows to its limit, is not part of the hot path.
_WARM_UP: Final = 10
_PCM: Final = bytes(960)
_SECONDS: Final = 60.0
_ROOT: Final = Path(__file__).parents[1]
#: The calls of `_Idle`, which are no work of the bridge.
_NOT_COUNTED: Final = (__file__, threading.__file__, "/trio/_core/_instrumentation.py")
_SESSION: Final = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime-2.1"}
_DELTA: Final = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


@dataclass
class Work:
    """What was counted in the bridge's thread during one batch."""

    calls: int = 0
    """Calls of functions, in Python and in C; resumed coroutines too."""
    lines: int = 0
    """Lines of Python."""
    functions: Counter[str] = field(default_factory=Counter)
    """Calls by the name of the function and of its module."""

    @property
    def calls_each(self) -> float:
        """Calls per round trip."""
        return self.calls / BATCH

    @property
    def lines_each(self) -> float:
        """Lines per round trip."""
        return self.lines / BATCH

    def start(self) -> None:
        """Count from here on, in this thread."""
        sys.setprofile(self._on_call)
        sys.settrace(self._on_line)

    @staticmethod
    def stop() -> None:
        """Count no more in this thread, and end any other tracing of it."""
        sys.settrace(None)
        sys.setprofile(None)

    def _on_call(self, frame: FrameType, kind: str, argument: Any) -> None:
        if frame.f_code.co_filename.endswith(_NOT_COUNTED):
            return
        if kind == "call":
            self.calls += 1
            self.functions[_name(frame.f_code)] += 1
        elif kind == "c_call":
            self.calls += 1
            self.functions[getattr(argument, "__qualname__", repr(argument))] += 1

    def _on_line(self, frame: FrameType, kind: str, _argument: Any) -> Any:
        if frame.f_code.co_filename.endswith(_NOT_COUNTED):
            return None
        self.lines += kind == "line"
        return self._on_line


class _Idle(trio.abc.Instrument):
    """Lets other threads wait until the bridge's thread has nothing to do but to wait for its sockets."""

    def __init__(self) -> None:
        self._idle = threading.Event()

    def before_io_wait(self, timeout: float) -> None:
        """Trio is about to wait; with a timeout of zero it only looks, because tasks are ready to run."""
        if timeout > 0:
            self._idle.set()

    def after_io_wait(self, _timeout: float) -> None:
        """Something is ready, or a deadline has passed."""
        self._idle.clear()

    def wait(self) -> None:
        """Wait, in another thread. Raises TimeoutError."""
        if not self._idle.wait(_SECONDS):
            raise TimeoutError("the bridge is never idle")


def _name(code: CodeType) -> str:
    path = Path(code.co_filename)
    where = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(path.parent.name, path.name)
    return f"{where}:{code.co_qualname}"


def count(endpoint: str) -> Work:
    """Count what a bridge executes for a batch of round trips at one of ENDPOINTS. Call it outside of trio."""
    idle = _Idle()
    with _upstream(idle) as port:
        upstream = f"http://127.0.0.1:{port}/v1"
        batches = trio.run(partial(_serve, upstream, endpoint, idle), instruments=[idle])
    return min(batches, key=_calls)


def _calls(work: Work) -> int:
    return work.calls


def _settings(upstream: str) -> BridgeSettings:
    variables = {"OPENAI_API_KEY": "sk-counted", "OPENAI_BASE_URL": upstream}
    wide = RateLimits(frames_per_second=1_000_000, bytes_per_second=1_000_000_000)
    return BridgeSettings(upstream=read_config(Flags(), variables, Path("/nowhere")), clients=ClientRules(rates=wide))


async def _serve(upstream: str, endpoint: str, idle: _Idle) -> list[Work]:
    settings = _settings(upstream)
    connector = make_connector(settings, upstream_from_config(settings.upstream))
    bridge = make_bridge(settings, connector, Log(io.StringIO(), level="error"))
    with trio.fail_after(_SECONDS):
        async with trio.open_nursery() as nursery:
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, bridge.serve_stream, [listener])
            url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}{ENDPOINTS[endpoint]}"
            batches = await trio.to_thread.run_sync(_call, url, endpoint == "client", idle)
            nursery.cancel_scope.cancel()
    return batches


def _call(url: str, binary: bool, idle: _Idle) -> list[Work]:
    """Be the caller, in a thread of its own: one chunk in flight."""
    chunk = _PCM if binary else json.dumps({"type": "input_audio_buffer.append", "audio": _base64(_PCM)})
    with connect(url, compression=None, max_size=None) as link:
        if binary:
            link.send('{"type":"create_session"}')
        _receive_until(link, "session_ready" if binary else "session.created")
        _speak(link, chunk, _WARM_UP, idle)
        batches = [Work() for _ in range(BATCHES)]
        for work in batches:
            trio.from_thread.run_sync(work.start)
            _speak(link, chunk, BATCH, idle)
            trio.from_thread.run_sync(work.stop)
    return batches


def _speak(link: ClientConnection, chunk: str | bytes, times: int, idle: _Idle) -> None:
    for _ in range(times):
        idle.wait()
        link.send(chunk)
        _receive_until(link, "response.output_audio.delta")
    idle.wait()


def _base64(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def _receive_until(link: ClientConnection, event_type: str) -> None:
    while json.loads(link.recv(_SECONDS))["type"] != event_type:
        pass


@contextmanager
def _upstream(idle: _Idle) -> Iterator[int]:
    """Run an upstream in threads of its own that opens sessions and answers each chunk with one delta."""
    with serve(partial(_answer, idle), "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=_serve_forever, args=(server,))
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


def _serve_forever(server: Server) -> None:
    server.serve_forever()


def _answer(idle: _Idle, link: ServerConnection) -> None:
    link.send(json.dumps({"type": "session.created", "event_id": "e", "session": _SESSION}))
    for message in link:
        idle.wait()
        event = json.loads(message)
        if event["type"] == "session.update":
            link.send(json.dumps({"type": "session.updated", "event_id": "e", "session": _SESSION}))
        elif event["type"] == "input_audio_buffer.append":
            link.send(json.dumps({"type": "response.output_audio.delta", **_DELTA, "delta": event["audio"]}))


def main() -> None:
    """Print the counts of both endpoints, and the functions that are called most often."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--json", action="store_true", help="print the counts only, as JSON")
    as_json = parse.parse_args().json
    counted = {endpoint: count(endpoint) for endpoint in ENDPOINTS}
    if as_json:
        print(json.dumps({name: {"calls": one.calls_each, "lines": one.lines_each} for name, one in counted.items()}))
        return
    for endpoint, work in counted.items():
        print(f"{endpoint}: {work.calls_each:.1f} calls, {work.lines_each:.1f} lines per round trip")
        for name, calls in work.functions.most_common(40):
            print(f"  {calls / BATCH:6.2f}  {name}")


if __name__ == "__main__":
    main()
