"""A proxy in front of one server, which records each WebSocket that passes through it.

It changes nothing: paths, queries, headers, subprotocols, frames, closes and refusals pass as they are, but for
compression, which it doesn't offer. Plain HTTP, such as minting a client secret, passes without being recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx
import trio

from bridge.client_protocol.endpoints import CLIENT_PATH
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.recordings.capture import (
    CONTENT_REDACTED,
    RECORDING_FORMAT,
    SECRETS_REDACTED,
    VIA_CLIENT,
    VIA_SERVICE,
    CaptureHeader,
    ClosedEnding,
    FinishedEnding,
)
from bridge.transport.http import HttpResponse, text_response
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.transport.websocket import is_sendable_close_code
from bridge.upstream.dial.dial import dial
from bridge.upstream.dial.errors import DialFailed
from probes.record.frames import FrameRecorder
from reports.provenance import current_time, installed_version
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.protocol.recordings.capture import CaptureEnding
    from bridge.transport.http import HttpRequest
    from bridge.transport.http_server import WebSocketUpgrade
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.record.files import RecordingFile, RecordingFiles
    from probes.runner.redaction import Secrets

#: Headers that belong to one connection, or that the other side of the proxy makes itself.
_OWN_HEADERS: Final = frozenset(
    {
        *("host", "connection", "upgrade", "content-length", "transfer-encoding", "te", "trailer", "keep-alive"),
        *("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol"),
        *("accept-encoding", "content-encoding", "proxy-authorization", "proxy-connection"),
    }
)
#: Headers, query fields and subprotocols that hold a credential.
_CREDENTIAL_HEADERS: Final = ("authorization", "api-key", "x-api-key", "cookie")
_CREDENTIAL_FIELDS: Final = ("api-key", "api_key", "key", "token", "ticket", "access_token")
_KEY_PROTOCOL: Final = "openai-insecure-api-key."
#: Names and connections may be slow, but not for ever.
_DIAL_SECONDS: Final = 30.0
_HTTP_SECONDS: Final = 60.0


@dataclass(slots=True, kw_only=True)
class RecordingProxy:
    """Records all connections to `target`, a URL with the scheme http, https, ws or wss and perhaps a path."""

    target: str
    files: RecordingFiles
    secrets: Secrets
    """Credentials of clients are added, so that no file holds one."""
    show_content: bool = False
    on_note: Callable[[str], None] = lambda _: None
    """Called with a line for each connection that ends or fails."""
    on_recorded: Callable[[], None] = lambda: None
    """Called when a connection has ended and its file is complete."""
    open_connections: list[_Recorded] = field(default_factory=list)

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Pass on a plain request. 502 if the server can't be reached."""
        self._learn_credentials(request, ())
        url = httpx.URL(self._url(request.target)).copy_with(scheme=_scheme(self.target, "http"))
        try:
            async with httpx.AsyncClient(timeout=_HTTP_SECONDS, trust_env=False) as client:
                found = await client.request(request.method, url, headers=_passed(request), content=request.body)
        except httpx.HTTPError as error:
            return text_response(502, f"can't reach the recorded server: {type(error).__name__}")
        headers = tuple((name, value) for name, value in found.headers.items() if name not in _OWN_HEADERS)
        return HttpResponse(found.status_code, headers, found.content)

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Open the same WebSocket at the server, and record what passes."""
        request = upgrade.request
        self._learn_credentials(request, upgrade.subprotocols)
        url = httpx.URL(self._url(request.target)).copy_with(scheme=_scheme(self.target, "ws"))
        try:
            with trio.fail_after(_DIAL_SECONDS):
                there = await dial(str(url), headers=_passed(request), subprotocols=upgrade.subprotocols)
        except HandshakeRefused as refused:
            self.on_note(f"refused with HTTP {refused.status}, not recorded")
            headers = tuple((name, value) for name, value in refused.headers if name not in _OWN_HEADERS)
            await upgrade.reject(HttpResponse(refused.status, headers, refused.body))
            return
        except (DialFailed, trio.TooSlowError) as failed:
            why = failed.detail if isinstance(failed, DialFailed) else f"no answer within {_DIAL_SECONDS:g} s"
            self.on_note(f"can't reach the server: {why}")
            await upgrade.reject(text_response(502, f"can't reach the recorded server: {why}"))
            return
        await self._record(upgrade, there)

    async def _record(self, upgrade: WebSocketUpgrade, there: UpgradedConnection) -> None:
        via = VIA_CLIENT if upgrade.request.path.endswith(CLIENT_PATH) else VIA_SERVICE
        here = await upgrade.accept(there.subprotocol)
        file = self.files.open()
        frames = FrameRecorder(secrets=self.secrets, via=via, show_content=self.show_content)
        recorded = _Recorded(here=here, there=there.link, file=file, frames=frames)
        file.begin(self._header(upgrade, via))
        self.open_connections.append(recorded)
        try:
            await recorded.run()
        finally:
            self.open_connections.remove(recorded)
            file.close(recorded.ending or FinishedEnding(at=recorded.now()))
            self.on_note(f"{file.path}: {file.frames} frames{', cut: ' + file.lost if file.lost else ''}")
            self.on_recorded()

    def _header(self, upgrade: WebSocketUpgrade, via: str) -> CaptureHeader:
        request = upgrade.request
        beta = request.header("openai-beta") or any(name.startswith("openai-beta") for name in upgrade.subprotocols)
        transcribes = request.query.get("intent") == "transcription"
        return CaptureHeader(
            capture=RECORDING_FORMAT,
            tool=f"sherpa-probe {installed_version()}",
            started=current_time(),
            kind=SessionKind.TRANSCRIPTION if transcribes else SessionKind.CONVERSATION,
            dialect=Dialect.BETA if beta else Dialect.GA,
            via=via,
            timeout=0.0,
            connected_at=0.0,
            redaction=SECRETS_REDACTED if self.show_content else CONTENT_REDACTED,
        )

    def _url(self, target: str) -> str:
        """Return the server's URL for a request target. A path that both have, such as `/v1`, is not repeated."""
        base = self.target.rstrip("/")
        path = httpx.URL(base).path.rstrip("/")
        return base.removesuffix(path) + target if path and target.startswith(f"{path}/") else base + target

    def _learn_credentials(self, request: HttpRequest, subprotocols: tuple[str, ...]) -> None:
        values = [value for name in _CREDENTIAL_HEADERS for value in request.header_values(name)]
        values += [request.query[name] for name in _CREDENTIAL_FIELDS if name in request.query]
        values += [name.removeprefix(_KEY_PROTOCOL) for name in subprotocols if name.startswith(_KEY_PROTOCOL)]
        for value in values:
            self.secrets.add(Secret(value.removeprefix("Bearer ")))


@dataclass(slots=True, kw_only=True)
class _Recorded:
    """One connection that is being recorded. The side that closes first makes the ending."""

    here: WebSocketLink
    there: WebSocketLink
    file: RecordingFile
    frames: FrameRecorder
    started_at: float = field(default_factory=trio.current_time)
    ending: CaptureEnding | None = None
    goodbye: tuple[int, str] = (1001, "")
    """How both sides are closed: as one of them closed."""

    def now(self) -> float:
        return trio.current_time() - self.started_at

    async def run(self) -> None:
        """Pass on what comes until either side closes, then close the other one alike."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on, self.here, self.there, nursery.cancel_scope)
                nursery.start_soon(self._pass_on, self.there, self.here, nursery.cancel_scope)
        finally:
            with trio.CancelScope(shield=True):  # both closes are bounded
                await self.there.close(*self.goodbye)
                await self.here.close(*self.goodbye)

    async def _pass_on(self, source: WebSocketLink, sink: WebSocketLink, scope: trio.CancelScope) -> None:
        from_client = source is self.here
        try:
            while True:
                message = await source.receive()
                if isinstance(message, bytes):
                    self.file.add(self.frames.binary(message, self.now(), from_client=from_client))
                    await sink.send_binary(message)
                else:
                    self.file.add(self.frames.text(message, self.now(), from_client=from_client))
                    await sink.send_text(message)
        except LinkClosed as closed:
            self._end(closed, by_client=from_client == (source.close_code is not None))
        scope.cancel()

    def _end(self, closed: LinkClosed, *, by_client: bool) -> None:
        """Keep who closed, and how. A server that closes may have refused; a client that does has finished."""
        if self.ending is None:
            code, reason = closed.code, closed.reason
            ending = ClosedEnding(at=self.now(), code=code, reason=reason, by_peer=True)
            self.ending = FinishedEnding(at=self.now()) if by_client else ending
            self.goodbye = (code, reason) if code is not None and is_sendable_close_code(code) else (1011, "")


def _passed(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in request.headers if name not in _OWN_HEADERS)


def _scheme(url: str, plain: str) -> str:
    return f"{plain}s" if httpx.URL(url).scheme in ("https", "wss") else plain
