"""Tells a webhook when the verdict of `watch` changes: once for each change, in the background of the runs.

The body is JSON with the field `text`, as Slack, Mattermost and others read it, and the same as fields for programs.
The URL is a secret, since whoever has it can write to the channel: it is in no message of ours, and redacted from the
rest. Redirects are not followed, so that nothing goes where nobody sent it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
import trio

from bridge.upstream.dial.handshake import USER_AGENT
from bridge.upstream.dial.tls import shared_tls_context
from bridge.upstream.dial.url import is_private_host, parse_url
from probes.runner.usage import UsageError
from probes.watch.lines import VERDICT_WORDS, reported_findings
from reports.model import Severity
from reports.redaction import Secret
from reports.render.json import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.runner.redaction import Secrets
    from probes.watch.loop import WatchResult

#: The waits before the second and the third try; there is no fourth.
RETRY_SECONDS: Final = (1.0, 5.0)
#: For one try.
_TRY_SECONDS: Final = 10.0
#: For everything that waits when the watch has ended: a try that hangs, and all tries of what is behind it.
END_SECONDS: Final = 30.0
#: Changes that wait for a slow webhook.
_MAX_WAITING: Final = 16
_MAX_FINDINGS: Final = 5
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500
#: What Slack reads as markup.
_SLACK_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def parse_webhook(url: str) -> Secret:
    """Check the URL of a webhook. Raises UsageError, which doesn't repeat it."""
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise UsageError(f"the URL to notify: {error}") from None
    if parsed.scheme not in ("http", "https"):
        raise UsageError("the URL to notify must begin with https:// (or http:// within a private network)")
    if not parsed.secure and not is_private_host(parsed.host):
        raise UsageError("the URL to notify must begin with https://: everybody on the way could read it")
    return Secret(url)


def webhook_from(url: str | None, variable: str | None, environment: Mapping[str, str]) -> Secret | None:
    """Return the webhook that the options name; None without one. Raises UsageError."""
    if url is not None and variable is not None:
        raise UsageError("--notify and --notify-env exclude each other")
    if variable is None:
        return None if url is None else parse_webhook(url)
    if not environment.get(variable):
        raise UsageError(f"--notify-env: the environment variable {variable} is not set")
    return parse_webhook(environment[variable])


def secret_part(webhook: Secret) -> Secret:
    """Return what of the URL must not be shown: all behind the host, which many other URLs may have, too."""
    return Secret(parse_url(webhook.reveal()).target)


@dataclass(slots=True, kw_only=True)
class VerdictNotifier:
    """Notifies one webhook. `offer` never waits; `deliver` does the rest in a task of its own."""

    webhook: Secret
    secrets: Secrets
    note: Callable[[str], None]
    """Called with what could not be delivered and why."""
    transport: httpx.AsyncBaseTransport | None = None
    """Another way to the webhook than the network."""
    _verdict: Severity = Severity.PASS
    """That of the run before. A watch begins as if all was well, so that a first run that fails is told."""
    _send: trio.MemorySendChannel[dict[str, Any]] = field(init=False)
    _receive: trio.MemoryReceiveChannel[dict[str, Any]] = field(init=False)
    _delivered: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel(_MAX_WAITING)

    def offer(self, done: WatchResult) -> None:
        """Take note of a run; if its verdict is another than that of the run before, tell the webhook."""
        before, self._verdict = self._verdict, done.verdict
        if before is done.verdict:
            return
        try:
            self._send.send_nowait(make_message(done, before, self.secrets))
        except trio.WouldBlock:
            self.note("a notification was left out: the webhook takes too long")

    async def deliver(self) -> None:
        """Send what is offered, one after the other, until `finish`. Cancelling it leaves out the rest."""
        secure = parse_url(self.webhook.reveal()).secure
        client = httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT},
            verify=shared_tls_context() if secure else False,
            transport=self.transport,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - bounded below, as a whole
        )
        async with client, self._receive:
            async for message in self._receive:
                failure = await self._try(client, message)
                if failure:
                    self.note(f"a notification was not delivered: {failure}")
        self._delivered.set()

    async def finish(self) -> None:
        """Take no more, and wait until everything is delivered or given up, for a bounded time."""
        self._send.close()
        with trio.move_on_after(END_SECONDS):
            await self._delivered.wait()
            return
        self.note("a notification was not delivered: the watch has ended")

    async def _try(self, client: httpx.AsyncClient, message: dict[str, Any]) -> str:
        """Send a message, and again where that can help. Returns why it was not delivered; empty if it was."""
        for wait in (*RETRY_SECONDS, None):
            failure, may_help = await self._post(client, message)
            if not failure or not may_help or wait is None:
                break
            await trio.sleep(wait)
        return failure

    async def _post(self, client: httpx.AsyncClient, message: dict[str, Any]) -> tuple[str, bool]:
        """Send a message once. Returns what failed, empty if nothing did, and whether to try again.

        Only the status is read. The texts of exceptions may have the URL in them.
        """
        with trio.move_on_after(_TRY_SECONDS):
            try:
                async with client.stream("POST", self.webhook.reveal(), json=message) as response:
                    status = response.status_code
            except httpx.HTTPError as error:
                return f"the webhook could not be reached ({type(error).__name__})", True
            if response.is_success:
                return "", False
            return f"the webhook answered HTTP {status}", status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS
        return f"the webhook did not answer within {_TRY_SECONDS:.0f} s", True


def make_message(done: WatchResult, before: Severity, secrets: Secrets) -> dict[str, Any]:
    """Return the body for a change of verdict."""
    findings = [
        {name: secrets.redact(str(getattr(finding, name))) for name in ("code", "severity", "title", "fix")}
        for finding in reported_findings(done)[:_MAX_FINDINGS]
    ]
    target = {one.label: secrets.redact(one.value) for one in done.report.target}
    where = next(iter(target.values()), done.report.tool)
    lines = [f"{VERDICT_WORDS[done.verdict]} (was {VERDICT_WORDS[before]}): {where}"]
    lines += [f"{finding['code']}: {finding['title']}" for finding in findings]
    return {
        "text": "\n".join(lines).translate(_SLACK_ESCAPES),
        "schema_version": SCHEMA_VERSION,
        "kind": "verdict",
        "run": done.number,
        "started": done.report.started,
        "verdict": done.verdict,
        "before": before,
        "target": target,
        "findings": findings,
    }
