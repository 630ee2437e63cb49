"""Sample reports as the tools write them, for tests of the HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.model import (
    Evidence,
    Finding,
    Moment,
    Place,
    Report,
    ReportMetric,
    Series,
    Severity,
    Table,
    TableRow,
    Timeline,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = (
    Evidence("base URL", "https://api.openai.com/v1"),
    Evidence("model", "gpt-realtime-2.1"),
    Evidence("key", "…a315 from OPENAI_API_KEY"),
)


def row(check: str, title: str, seconds: float | None, *seen: tuple[str, str], probe: str = "access") -> Finding:
    return Finding(
        code=f"{probe.upper()}-{check.upper().replace(', ', '-')}-OK",
        severity=Severity.PASS,
        check=check,
        title=title,
        evidence=tuple(Evidence(*pair) for pair in seen),
        seconds=seconds,
        probe=probe,
    )


ACCESS = (
    row("name", "api.openai.com -> 162.159.140.245", 0.011, ("address", "162.159.140.245")),
    row("tcp, tls", "TLS 1.3, certificate valid for 61 days", 0.038, ("issuer", "WE1, Google Trust Services")),
    row("key", "accepted by GET /models", 0.142, ("models", "23"), ("x-request-id", "req_e3e70682c2094cac629f6fbed")),
    row("model", "listed for this project", None, ("realtime models", "gpt-realtime-2.1, gpt-realtime-2.1-mini")),
    row("mint", "client secret …25c2, expires in 600 s", 0.188, ("session", "sess_42485e3a0a5d2f346baa9455")),
    row("upgrade", "101 (proves nothing yet: the service checks later)", 0.095, ("cf-ray", "e4ee6fff010317c0-FRA")),
)

HEALTHY = Report(
    tool="sherpa-probe access",
    version="0.1.0",
    started="2026-11-21T04:02:28.075Z",
    seconds=0.5631,
    target=TARGET,
    findings=(
        *ACCESS,
        row("session", "session.created, GA, sess_OFa3kkYgMBPybG000001", 0.042, ("first frame", "session.created")),
        row("confirm", "session.updated shows what was sent", 0.047),
    ),
)

FAILED = Report(
    tool="sherpa-probe access",
    version="0.1.0",
    started="2026-11-21T04:02:28.485Z",
    seconds=0.4853,
    target=TARGET,
    findings=(
        *ACCESS,
        Finding(
            code="ACCESS-NO-QUOTA",
            severity=Severity.FAIL,
            check="session",
            title="The account has no credit left",
            evidence=(
                Evidence("first frame", "error insufficient_quota, close 1013"),
                Evidence("message", "You exceeded your current quota, please check your plan and billing details."),
                Evidence("cf-ray", "e4ee6fff010317c0-FRA"),
            ),
            cause=(
                "Billing, not load: the credit is used up or no payment method is set. The close code 1013 reads like "
                "'try again later', but trying again changes nothing."
            ),
            fix=(
                "Stop retrying; add credit or raise the limit of the organization that owns this key at "
                "https://platform.openai.com/settings/organization/billing, then run: sherpa-probe access"
            ),
            link="sherpa-probe explain ACCESS-NO-QUOTA",
            seconds=0.0152,
            probe="access",
        ),
        Finding(
            code="ACCESS-CONFIRM-SKIPPED",
            severity=Severity.SKIPPED,
            check="confirm",
            title="skipped: no session",
            evidence=(Evidence("waits for", "session"),),
            probe="access",
        ),
    ),
)


def _spoken() -> Iterator[Moment]:
    def server(at: float, what: str, detail: str = "") -> Moment:
        return Moment(at=at, who="server", what=what, detail=detail)

    yield Moment(at=0.0, who="sherpa-probe", what="opening wss://api.openai.com/v1/realtime")
    yield server(0.241, "session.created", "GA, sess_OFa3kkYgMBPybG")
    yield Moment(at=0.243, who="client", what="session.update", detail="server_vad, pcm 24 kHz, voice marin")
    yield server(0.298, "session.updated")
    for n in range(120):
        yield Moment(at=0.3 + n * 0.02, who="client", what="input_audio_buffer.append")
        if n == 31:
            yield server(0.93, "input_audio_buffer.speech_started", "at 480 ms")
    yield server(3.112, "input_audio_buffer.speech_stopped", "at 2,240 ms")
    yield server(3.114, "input_audio_buffer.committed")
    yield server(3.116, "conversation.item.added", "user, message")
    yield server(3.12, "response.created")
    yield server(3.402, "conversation.item.input_audio_transcription.completed", "38 characters")
    yield server(3.51, "response.output_item.added")
    yield server(3.512, "response.content_part.added", "audio")
    for n in range(48):
        yield server(3.6 + n * 0.04, "response.output_audio.delta")
        yield server(3.61 + n * 0.04, "response.output_audio_transcript.delta")
    yield Moment(at=5.6, who="sherpa-probe", what="no audio for 640 ms while the answer went on")
    yield server(6.9, "error", "rate_limit_exceeded")
    yield server(6.95, "response.done", "failed, 12 tokens in, 96 out")
    yield Moment(at=6.98, who="client", what="close 1000")


def _ahead() -> Iterator[tuple[float, float]]:
    buffer = 0.0
    for n in range(150):
        stalled = 70 <= n < 92
        buffer += (0 if stalled else 52 + (n * 37) % 23) - 40
        yield 3.6 + n * 0.022, round(buffer, 1)


EVENTS = Report(
    tool="sherpa-probe events",
    version="0.1.0",
    started="2026-11-21T05:10:00.000Z",
    seconds=7.41,
    target=(*TARGET, Evidence("script", "audio")),
    findings=(
        row("connect", "connected in the GA dialect", 0.241, probe="events"),
        row("order", "every event in its order", None, ("rules", "31"), ("events", "112"), probe="events"),
        Finding(
            code="EVENTS-RESPONSE-FAILED",
            severity=Severity.FAIL,
            check="answer",
            title="The answer failed, and no error event said why",
            evidence=(Evidence("response.done", "status failed, rate_limit_exceeded"), Evidence("after", "1.9 s")),
            cause="The service ends an answer in response.done; code that waits for an error event waits forever.",
            fix=(
                "Read response.status_details in every response.done.\nWatch it in a session of your own:\n"
                "sherpa-probe events --script audio --capture session.ndjson"
            ),
            link="sherpa-probe explain EVENTS-RESPONSE-FAILED",
            seconds=3.38,
            probe="events",
        ),
        Finding(
            code="EVENTS-GAP",
            severity=Severity.WARNING,
            check="audio",
            title="Audio came later than it is played: a listener hears a gap",
            evidence=(Evidence("longest gap", "640 ms"), Evidence("where", "3.1 s into the answer")),
            cause="The answer's audio fell behind its own playback once.",
            fix="Play with a buffer of 700 ms at the start, or look for a slow hop: sherpa-probe bridge --url URL",
            link="sherpa-probe explain EVENTS-GAP",
            probe="events",
        ),
        Finding(
            code="EVENTS-KNOWN-ERROR",
            severity=Severity.INFO,
            check="order",
            title="A harmless error came and was ignored",
            probe="events",
        ),
        Finding(
            code="EVENTS-END-SKIPPED",
            severity=Severity.SKIPPED,
            check="end",
            title="skipped: the answer failed",
            probe="events",
        ),
    ),
    timelines=(Timeline("events: audio", tuple(_spoken())),),
    metrics=(
        ReportMetric("events_connect_seconds", 0.2412),
        ReportMetric("events_ready_seconds", 0.298),
        ReportMetric("events_first_audio_seconds", 0.486),
        ReportMetric("events_done_seconds", 3.838),
        ReportMetric("events_audio_gap_max_seconds", 0.64),
        ReportMetric("events_audio_jitter_seconds", 0.00043),
        ReportMetric("events_real_time_factor", 1.374),
        ReportMetric("events_gaps_total", 1),
    ),
    series=(
        Series(name="audio ahead of playback", unit="ms", timeline="events: audio", points=tuple(_ahead())),
        Series(
            name="audio delta, behind the one before",
            unit="ms",
            timeline="events: audio",
            points=tuple((3.6 + n * 0.12, 38.0 + (n * 17) % 9 + (640 if n == 17 else 0)) for n in range(28)),
        ),
    ),
)

_MISTAKES = (
    ("beta-header", Severity.FAIL, "The beta header ends all", '  ws(url, { "OpenAI-Beta": "realtime=v1" });', 13, 41),
    ("retired-model", Severity.FAIL, "This model was retired", 'const MODEL = "gpt-4o-realtime-preview";', 15, 40),
    ("commit-with-vad", Severity.WARNING, "A commit beside turn detection", "\tws.send(commit);", 2, 17),
)  # fmt: skip


def _mistake(n: int) -> Finding:
    rule, severity, title, text, column, end = _MISTAKES[n % 3]
    line = 12 + n * 7
    return Finding(
        code=f"LINT-{rule.upper()}",
        severity=severity,
        check=rule,
        title=title,
        cause="The service stopped taking it in May 2026 and closes the session with 4000 right after the upgrade.",
        fix="Leave it out. Where the fix is mechanical, let it be done: sherpa-probe lint --fix src",
        link=f"sherpa-probe explain LINT-{rule.upper()}",
        probe="lint",
        place=Place(
            path=f"src/voice/session-{n % 7}/openSocket.ts",
            line=line,
            column=column,
            end_line=line,
            end_column=end,
            text=text,
        ),
    )


LINT = Report(
    tool="sherpa-probe lint",
    version="0.1.0",
    started="2026-11-21T06:00:00.000Z",
    seconds=0.84,
    target=(Evidence("paths", "src"), Evidence("rules", "35")),
    findings=tuple(_mistake(n) for n in range(30)),
)

COULD_NOT_LOOK = Report(
    tool="sherpa-probe access",
    version="0.1.0",
    started="2026-11-21T06:00:00.000Z",
    seconds=10.02,
    target=TARGET,
    findings=(
        Finding(
            code="ACCESS-NAME-UNKNOWN",
            severity=Severity.ERROR,
            check="name",
            title="The name can't be resolved",
            evidence=(Evidence("name", "api.openai.example"),),
            cause="No name server knows it.",
            fix="Check the network, then ask the name server: nslookup api.openai.example",
            probe="access",
        ),
    ),
)

_BUDGETS = (
    ("count(reconnect@storm) >= 100", "100"),
    ("p99(reconnect@storm) < 3s", "753 ms"),
    ("dials_per_second_max@storm <= 120", "100"),
    ("lost_ms == 0", "0 ms"),
)
_PHASES = ("start", "storm", "callers-cut")


def _percentiles(name: str, first: float) -> Iterator[TableRow]:
    for nth, part in enumerate(("", *_PHASES)):
        factor = 1 + nth * nth / 5
        yield TableRow(
            name=name, part=part, cells=(300.0 / (1 + nth), *(first * factor * n for n in (1.0, 1.3, 2.2, 3.1)))
        )


def _curve(name: str, plot: str, unit: str, low: float, storm: float) -> Series:
    points = tuple((float(at), low + (at * 7 % 5) + (storm if at in (14, 15, 28, 29) else 0)) for at in range(1, 40))
    return Series(name=f"{plot}, {name}", unit=unit, timeline="load", points=points, plot=plot)


LOAD = Report(
    tool="sherpa-load run",
    version="0.1.0",
    started="2026-11-26T07:00:00.000Z",
    seconds=40.2,
    target=(Evidence("scenario", "reconnect-storm"), Evidence("target", "ws://127.0.0.1:8765")),
    findings=(
        Finding(
            code="LOAD-BUDGET-BROKEN",
            severity=Severity.FAIL,
            check="p99(reconnect@callers-cut) < 5s",
            title="p99(reconnect@callers-cut) < 5s is broken: 6120 ms",
            evidence=(Evidence("", "6120 ms"),),
            cause="The target was slower, lost more or failed more often than the budget allows.",
            fix="Look at the plots around the moment when it began: --report html=load.html",
            link="sherpa-probe explain LOAD-BUDGET-BROKEN",
            probe="load",
        ),
        *(
            Finding(code="LOAD-BUDGET-KEPT", severity=Severity.PASS, check=text, title=found, probe="load")
            for text, found in _BUDGETS
        ),
    ),
    timelines=(
        Timeline(
            "load",
            tuple(
                Moment(at=at, who="load", what=what, detail=detail)
                for at, what, detail in (
                    (0.0, "begin", "reconnect-storm"),
                    (2.1, "callers", "all 100 call"),
                    (14.0, "storm", "all sockets upstream cut"),
                    (28.0, "callers-cut", "all callers cut"),
                    (40.2, "end", ""),
                )
            ),
        ),
    ),
    metrics=(
        ReportMetric("load_first_audio_p99_seconds", 0.572),
        ReportMetric("load_turns_total", 365),
        ReportMetric("load_bridge_memory_bytes", 60_817_408),
    ),
    series=(
        _curve("p50", "first audio", "ms", 255, 90),
        _curve("p99", "first audio", "ms", 262, 640),
        _curve("bridge", "cpu", "%", 22, 40),
        _curve("simulator", "cpu", "%", 18, 20),
        _curve("generator", "cpu", "%", 9, 3),
        _curve("machine", "cpu", "%", 60, 70),
    ),
    tables=(
        Table(
            name="how long things took",
            heading="",
            columns=("count_total", "p50_seconds", "p95_seconds", "p99_seconds", "max_seconds"),
            rows=(*_percentiles("first_audio", 0.26), *_percentiles("reconnect", 0.3)),
            metric="load",
        ),
    ),
)

#: Name -> report and the exit code it came with.
SAMPLES = {
    "healthy": (HEALTHY, 0),
    "failed": (FAILED, 1),
    "events": (EVENTS, 1),
    "lint": (LINT, 1),
    "could-not-look": (COULD_NOT_LOOK, 3),
    "load": (LOAD, 1),
}
