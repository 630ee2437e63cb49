from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.errors.service_errors import ServiceError
from bridge.simulator.service.admission import admit, parse_upgrade
from bridge.simulator.service.models import OTHER_MODELS
from bridge.simulator.service.secrets import SecretRecord
from bridge.simulator.session.state import SessionSetup
from bridge.transport.http import HttpRequest, split_target

if TYPE_CHECKING:
    from bridge.simulator.settings import DialectMode

NOVEMBER = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
BEARER = ("authorization", "Bearer sk-good")
BETA = ("openai-beta", "realtime=v1")
GA = "/v1/realtime?model=gpt-realtime-2.1"
TRANSLATE = "/v1/realtime/translations?model=gpt-realtime-translate"

Sent = tuple[tuple[str, str], ...]


def asked(
    target: str,
    *headers: tuple[str, str],
    subprotocols: tuple[str, ...] = (),
    mode: DialectMode = "ga",
    secret: SecretRecord | None = None,
    unix_time: float = NOVEMBER,
) -> SessionSetup | ServiceError:
    path, query = split_target(target)
    request = parse_upgrade(
        HttpRequest(method="GET", path=path, query=query, target=target, headers=headers), subprotocols
    )
    assert request is not None
    return admit(request, mode, secret, unix_time)


@pytest.mark.parametrize(
    ("target", "headers", "code", "close"),
    [
        (GA, (), None, 3000),
        (GA, (("authorization", "Bearer "),), None, 3000),
        (GA, (("authorization", "Basic sk-good"),), None, 3000),
        (GA, (("authorization", "Bearer hunter2"),), "invalid_api_key", 3000),
        (GA, (("authorization", "Bearer ek_unknown"),), "invalid_api_key", 3000),
        (GA, (("api-key", "sk-good"),), None, 3000),
        (GA, (BEARER, BETA), "beta_api_shape_disabled", 4000),
        ("/v1/realtime", (BEARER,), "missing_model", 4000),
        ("/v1/realtime?model=", (BEARER,), "missing_model", 4000),
        ("/v1/realtime?intent=translate", (BEARER,), "invalid_intent", 4000),
        ("/v1/realtime?intent=transcription&model=gpt-realtime-2.1", (BEARER,), "invalid_model", 4000),
        ("/v1/realtime?model=gpt-4o-transcribe", (BEARER,), "invalid_model", 4000),
        ("/v1/realtime?model=gpt-live-1", (BEARER,), "invalid_model", 4000),
        *((f"/v1/realtime?model={name}", (BEARER,), "invalid_model", 4000) for name in OTHER_MODELS),
        ("/v1/realtime?model=gpt-4o-audio-preview", (BEARER,), "model_not_found", 4004),
        ("/v1/realtime?model=gpt-4o-realtime-preview", (BEARER,), "model_not_found", 4004),
        ("/v1/realtime?model=no-such-model", (BEARER,), "model_not_found", 4004),
        ("/v1/realtime/translations", (BEARER,), "missing_model", 4000),
        ("/v1/realtime/translations?model=gpt-realtime-2.1", (BEARER,), "invalid_model", 4000),
        ("/openai/v1/realtime?model=voice&api-version=2025-04-01-preview", (BEARER,), "invalid_api_key", 3000),
    ],
)
def test_what_is_refused_and_how(
    target: str, headers: tuple[tuple[str, str], ...], code: str | None, close: int
) -> None:
    error = asked(target, *headers)
    assert isinstance(error, ServiceError)
    assert (error.code, error.close_code) == (code, close)


@pytest.mark.parametrize(
    ("target", "headers", "mode", "dialect", "kind"),
    [
        (GA, (BEARER,), "ga", Dialect.GA, SessionKind.CONVERSATION),
        ("/v1/realtime/?model=gpt-realtime-2.1", (BEARER,), "ga", Dialect.GA, SessionKind.CONVERSATION),
        ("/v1/realtime?intent=transcription", (BEARER,), "ga", Dialect.GA, SessionKind.TRANSCRIPTION),
        ("/v1/realtime?intent=realtime&model=gpt-realtime", (BEARER,), "ga", Dialect.GA, SessionKind.CONVERSATION),
        (GA, (BEARER, BETA), "both", Dialect.BETA, SessionKind.CONVERSATION),
        (GA, (BEARER,), "both", Dialect.GA, SessionKind.CONVERSATION),
        (GA, (BEARER,), "beta", Dialect.BETA, SessionKind.CONVERSATION),
        (
            "/v1/realtime/translations?model=gpt-realtime-translate",
            (BEARER,),
            "ga",
            Dialect.TRANSLATION,
            SessionKind.TRANSLATION,
        ),
        (
            "/openai/v1/realtime?model=my-voice",
            (("api-key", "0123456789abcdef"),),
            "ga",
            Dialect.GA,
            SessionKind.CONVERSATION,
        ),
        ("/openai/v1/realtime?model=my-voice&api-key=0123456789abcdef", (), "ga", Dialect.GA, SessionKind.CONVERSATION),
        ("/openai/realtime?api-version=x&deployment=d", (BEARER,), "ga", Dialect.BETA, SessionKind.CONVERSATION),
    ],
)
def test_what_is_opened(target: str, headers: Sent, mode: DialectMode, dialect: Dialect, kind: SessionKind) -> None:
    setup = asked(target, *headers, mode=mode)
    assert isinstance(setup, SessionSetup)
    assert (setup.dialect, setup.kind) == (dialect, kind)


def test_a_browser_sends_its_secret_as_a_subprotocol_and_can_request_the_beta_dialect_there() -> None:
    key = "openai-insecure-api-key.sk-good"
    assert isinstance(asked(GA, subprotocols=("realtime", key)), SessionSetup)
    beta = asked(GA, subprotocols=("realtime", key, "openai-beta.realtime-v1"))
    assert isinstance(beta, ServiceError)
    assert beta.code == "beta_api_shape_disabled"


def test_a_model_is_refused_from_the_day_of_its_shutdown_on() -> None:
    target = "/v1/realtime?model=gpt-realtime"
    day = datetime(2027, 1, 20, tzinfo=UTC).timestamp()
    assert isinstance(asked(target, BEARER, unix_time=day - 86_400), SessionSetup)
    assert isinstance(asked(target, BEARER, unix_time=day + 86_400), ServiceError)


def test_a_secret_determines_session_and_model() -> None:
    secret = SecretRecord(
        key="sk-good",
        dialect="ga",
        kind="conversation",
        model="gpt-realtime-2.1-mini",
        config={"instructions": "hum"},
        expires_at=NOVEMBER + 60,
    )
    setup = asked("/v1/realtime", ("authorization", "Bearer ek_1"), secret=secret)
    assert isinstance(setup, SessionSetup)
    assert setup.model == "gpt-realtime-2.1-mini"
    assert setup.config == {"instructions": "hum"}


def test_another_path_accepts_no_websocket() -> None:
    assert parse_upgrade(HttpRequest(method="GET", path="/v1/chat", query={}, target="/v1/chat")) is None


def secret(kind: SessionKind = SessionKind.CONVERSATION, dialect: Dialect = Dialect.GA, **config: Any) -> SecretRecord:
    """The record of a client secret."""
    default = None if kind is SessionKind.TRANSCRIPTION else config.get("model", "gpt-realtime-2.1")
    return SecretRecord(
        key="sk-good", dialect=dialect, kind=kind, model=default, config=config, expires_at=NOVEMBER + 60
    )


EK = ("authorization", "Bearer ek_1")
MINI = secret(type="realtime", model="gpt-realtime-mini")
HEARD = secret(SessionKind.TRANSCRIPTION, type="transcription")
TRANSLATED = secret(SessionKind.TRANSLATION, Dialect.TRANSLATION, model="gpt-realtime-translate")


@pytest.mark.parametrize(
    ("secret", "target", "code"),
    [
        (MINI, GA, "invalid_model"),
        (MINI, "/v1/realtime?intent=transcription", "invalid_intent"),
        (MINI, TRANSLATE, "invalid_model"),
        (HEARD, GA, "invalid_model"),
        (HEARD, "/v1/realtime?intent=realtime&model=gpt-realtime", "invalid_intent"),
        (TRANSLATED, GA, "invalid_model"),
        (TRANSLATED, "/v1/realtime?intent=transcription", "invalid_model"),
    ],
)
def test_a_secret_opens_nothing_but_what_it_was_minted_for(secret: SecretRecord, target: str, code: str) -> None:
    error = asked(target, EK, secret=secret)
    assert isinstance(error, ServiceError)
    assert (error.code, error.close_code) == (code, 4000)


@pytest.mark.parametrize(
    ("secret", "target", "kind", "model"),
    [
        (MINI, "/v1/realtime", SessionKind.CONVERSATION, "gpt-realtime-mini"),
        (MINI, "/v1/realtime?model=gpt-realtime-mini", SessionKind.CONVERSATION, "gpt-realtime-mini"),
        (secret(type="realtime"), "/v1/realtime?model=gpt-realtime", SessionKind.CONVERSATION, "gpt-realtime"),
        (secret(type="realtime"), "/v1/realtime", SessionKind.CONVERSATION, "gpt-realtime-2.1"),
        (HEARD, "/v1/realtime", SessionKind.TRANSCRIPTION, ""),
        (HEARD, "/v1/realtime?intent=transcription", SessionKind.TRANSCRIPTION, ""),
        (TRANSLATED, "/v1/realtime/translations", SessionKind.TRANSLATION, "gpt-realtime-translate"),
    ],
)
def test_a_secret_opens_its_kind_of_session_with_what_it_was_minted_with(
    secret: SecretRecord, target: str, kind: SessionKind, model: str
) -> None:
    setup = asked(target, EK, secret=secret)
    assert isinstance(setup, SessionSetup)
    assert (setup.kind, setup.model, setup.config) == (kind, model, secret.config)


def test_a_secret_keeps_its_session_in_the_other_dialect() -> None:
    flat: dict[str, Any] = {"instructions": "hum", "voice": "sage", "modalities": ["text"], "temperature": 0.7}
    nested: dict[str, Any] = {"type": "realtime", "instructions": "hum", "output_modalities": ["text"]}
    opened = asked(GA, EK, secret=secret(dialect=Dialect.BETA, **flat))
    assert isinstance(opened, SessionSetup)
    assert opened.config == {**nested, "audio": {"output": {"voice": "sage"}}}
    opened = asked(GA, EK, secret=secret(**nested), mode="beta")
    assert isinstance(opened, SessionSetup)
    assert opened.config == {"instructions": "hum", "modalities": ["text"]}
