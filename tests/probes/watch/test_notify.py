"""A webhook hears of each change of verdict once; tries are bounded, and its URL is in no text."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trio.testing

from probes.runner.findings import CheckRow
from probes.runner.redaction import Secrets
from probes.runner.usage import UsageError
from probes.watch.command import WatchOptions, run_watch
from probes.watch.loop import WatchResult
from probes.watch.notify import END_SECONDS, VerdictNotifier, parse_webhook, secret_part, webhook_from
from reports.model import Evidence, Report
from reports.problem import Problem
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-proj-0123456789abcdefghijKLMN"
WEBHOOK = "https://hooks.example.com/services/T0000/B0000/kJ8sLw0sQ2xx"
REPORT = Report(
    tool="t",
    version="1",
    started="2026-11-21T04:00:35.123Z",
    seconds=0.5,
    target=(Evidence("base URL", "https://api.openai.com/v1"),),
)
BAD = CheckRow("access", "session").problem(
    Problem("ACCESS-NO-QUOTA", f"no <credit> & no {KEY} left", "billing", "Pay")
)


def run_that(exit_code: int, number: int = 1) -> WatchResult:
    findings = (BAD,) if exit_code else ()
    return WatchResult(number=number, report=replace(REPORT, findings=findings), exit_code=exit_code)


@dataclass
class FakeWebhook(httpx.AsyncBaseTransport):
    """Answers with these statuses, one after the other and then the last one; None hangs, 0 breaks."""

    statuses: list[int | None] = field(default_factory=lambda: [200])
    heard: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("POST", WEBHOOK)
        self.heard.append(json.loads(await request.aread()))
        self.times.append(trio.current_time())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            await trio.sleep_forever()
        if status == 0:
            raise httpx.ConnectError(f"no way to {WEBHOOK}")
        return httpx.Response(status or 500, headers={"location": "https://elsewhere.example.com/"})


async def told(webhook: FakeWebhook, *exit_codes: int) -> list[str]:
    """Offer runs with these exit codes, and return the notes."""
    notes = list[str]()
    notifier = VerdictNotifier(
        webhook=Secret(WEBHOOK), secrets=Secrets([Secret(KEY)]), note=notes.append, transport=webhook
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier.deliver)
        for number, code in enumerate(exit_codes, 1):
            notifier.offer(run_that(code, number))
            await trio.testing.wait_all_tasks_blocked()
        await notifier.finish()
        nursery.cancel_scope.cancel()
    return notes


async def test_each_change_is_told_once_and_what_stays_is_not() -> None:
    webhook = FakeWebhook()
    assert await told(webhook, 0, 0, 1, 1, 1, 3, 0, 0) == []
    assert [(one["run"], one["before"], one["verdict"]) for one in webhook.heard] == [
        (3, "pass", "fail"),
        (6, "fail", "error"),
        (7, "error", "pass"),
    ]


async def test_a_first_run_that_fails_is_told_and_one_that_passes_is_not() -> None:
    failing, passing = FakeWebhook(), FakeWebhook()
    await told(failing, 1)
    await told(passing, 0)
    assert (len(failing.heard), len(passing.heard)) == (1, 0)


async def test_the_body_has_a_text_for_people_and_fields_for_programs_and_no_secret() -> None:
    webhook = FakeWebhook()
    await told(webhook, 1)
    (body,) = webhook.heard
    first, second = body["text"].splitlines()
    assert first == "FAIL (was ok): https://api.openai.com/v1"
    assert second.startswith("ACCESS-NO-QUOTA: no &lt;credit&gt; &amp; no sk-")
    assert body["findings"][0]["fix"] == "Pay"
    assert (body["kind"], body["target"]) == ("verdict", {"base URL": "https://api.openai.com/v1"})
    assert KEY not in json.dumps(body)


@pytest.mark.parametrize(
    ("statuses", "tries", "note"),
    [
        ([500, 429, 204], 3, ""),
        ([0, 200], 2, ""),
        ([503], 3, "the webhook answered HTTP 503"),
        ([0], 3, "the webhook could not be reached (ConnectError)"),
        ([404], 1, "the webhook answered HTTP 404"),
        ([302], 1, "the webhook answered HTTP 302"),
    ],
)
async def test_what_may_pass_is_tried_again_three_times_in_all(
    statuses: list[int | None], tries: int, note: str, autojump_clock: trio.testing.MockClock
) -> None:
    webhook = FakeWebhook(statuses)
    notes = await told(webhook, 1)
    assert len(webhook.heard) == tries
    assert notes == ([f"a notification was not delivered: {note}"] if note else [])
    assert [later - webhook.times[0] for later in webhook.times] == pytest.approx([0, 1, 6][:tries])


async def test_a_webhook_that_hangs_holds_up_neither_runs_nor_the_end(autojump_clock: trio.testing.MockClock) -> None:
    webhook, began = FakeWebhook([None]), trio.current_time()
    notes = await told(webhook, *[1, 0] * 10)
    assert trio.current_time() - began == pytest.approx(END_SECONDS)
    assert sum("was left out: the webhook takes too long" in note for note in notes) == 3
    assert notes[-1] == "a notification was not delivered: the watch has ended"
    assert not [note for note in notes if "hooks" in note or "kJ8" in note]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/services/secret", "must begin with https://: everybody"),
        ("ftp://hooks.example.com/secret", "URL"),
        ("https://me:secret@hooks.example.com/", "user name or password"),
        ("wss://hooks.example.com/secret", "must begin with https://"),
        ("hooks.example.com/secret", "URL"),
    ],
)
def test_a_url_that_cannot_be_a_webhook_is_refused_without_showing_it(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_webhook(url)
    assert "secret" not in str(caught.value)


def test_the_url_comes_from_an_option_or_a_variable() -> None:
    assert webhook_from(None, None, {}) is None
    for found in (webhook_from(WEBHOOK, None, {}), webhook_from(None, "HOOK", {"HOOK": WEBHOOK})):
        assert found is not None
        assert found.reveal() == WEBHOOK
        assert "kJ8sLw0sQ2" not in repr(found)
    with pytest.raises(UsageError, match="exclude each other"):
        webhook_from(WEBHOOK, "HOOK", {})
    with pytest.raises(UsageError, match="HOOK is not set"):
        webhook_from(None, "HOOK", {})


def test_what_is_hidden_of_a_url_is_what_only_this_one_has() -> None:
    assert secret_part(Secret(WEBHOOK)).reveal() == "/services/T0000/B0000/kJ8sLw0sQ2xx"


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes notes, on a real socket."""
    heard = list[dict[str, Any]]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/services/kJ8sLw0sQ2xx", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_watch_tells_a_webhook_before_it_ends_and_shows_its_url_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, notes = list[str](), list[str]()
    with listening() as (url, heard):
        code = run_watch(
            WatchOptions(simulate="no-quota", count=1, notify_env="HOOK", verbose=True),
            {"HOOK": url},
            write_line=lines.append,
            write_note=notes.append,
            folder=tmp_path,
        )
    assert code == 1
    assert [(one["verdict"], one["findings"][0]["code"]) for one in heard] == [("fail", "ACCESS-NO-QUOTA")]
    shown = "".join(capsys.readouterr()) + "".join(lines + notes)
    assert "POST" in shown, "httpx logs its requests"
    assert "kJ8sLw0sQ2xx" not in shown
