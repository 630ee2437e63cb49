"""Every error code, and what provokes it: behind the 101, inside a session, or in an HTTP body."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import tone
from bridge.protocol.refusals.lookup import HttpExchange
from tests.protocol.refusals.provoke import KEY, MODEL, RestProvocation, SessionProvocation, Until, UpgradeProvocation
from tests.protocol.refusals.simulated_case import SimulatedCase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.protocol.refusals.provoke import Event, Provocation, Step

_AZURE = "/openai/v1/realtime"
_AZURE_KEY = (("api-key", "0123456789abcdef"),)
_LONG = "x" * 1025


def _update(**session: Any) -> Event:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def _speaking(**output: Any) -> Event:
    return _update(audio={"output": output})


def _append(ms: int) -> Event:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(tone(440, ms, 8000)).decode()}


def _truncate_far(events: Sequence[Event]) -> Event:
    """Cut the assistant's item an hour behind its end."""
    spoken = next(event for event in events if event["type"] == "response.output_item.done")
    cut = {"item_id": spoken["item"]["id"], "content_index": 0, "audio_end_ms": 3_600_000}
    return {"type": "conversation.item.truncate", **cut}


def _say(*steps: Step) -> SessionProvocation:
    return SessionProvocation(steps=steps)


def _item(verb: str, **more: int) -> SessionProvocation:
    return _say({"type": f"conversation.item.{verb}", "item_id": "item_of_another_session", **more})


def _message(text: str = "Hello", **more: str) -> Event:
    part = {"type": "input_text", "text": text}
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [part], **more}}


_LISTEN = _update(audio={"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}})
_VAD_WITHOUT = {"transcription": {"model": "gpt-live-transcribe"}, "turn_detection": {"type": "server_vad"}}
_UNHEARING = {"type": "session.update", "session": {"type": "transcription", "audio": {"input": _VAD_WITHOUT}}}
_CREATE = {"type": "response.create"}

_REFUSED_AT_THE_UPGRADE: tuple[SimulatedCase, ...] = (
    SimulatedCase("invalid_api_key", "KEY-REFUSED", SessionProvocation(key="sk-invalid-0000"), "by scenario"),
    SimulatedCase("invalid_api_key", "KEY-REFUSED", SessionProvocation(key="[object Object]"), "a placeholder"),
    SimulatedCase(
        "invalid_api_key", "KEY-REFUSED", SessionProvocation(key="ek_of_yesterday"), "a secret that has expired"
    ),
    SimulatedCase(None, "NO-KEY", SessionProvocation(key=""), "no credential"),
    SimulatedCase(
        "beta_api_shape_disabled",
        "BETA-DISABLED",
        SessionProvocation(headers=(("OpenAI-Beta", "realtime=v1"),)),
        "header",
    ),
    SimulatedCase(
        "beta_api_shape_disabled",
        "BETA-DISABLED",
        SessionProvocation(scenario="beta-refused"),
        "header added on the way",
    ),
    SimulatedCase(
        "beta_api_shape_disabled", "BETA-DISABLED", RestProvocation(path="/v1/realtime", body=b"v=0"), "old SDP address"
    ),
    SimulatedCase("missing_model", "MISSING-MODEL", SessionProvocation(query="")),
    SimulatedCase("invalid_model", "INVALID-MODEL", SessionProvocation(query="model=gpt-live-1"), "of another API"),
    SimulatedCase(
        "invalid_model",
        "MODEL-WITH-INTENT",
        SessionProvocation(query=f"intent=transcription&model={MODEL}"),
        "with intent",
    ),
    SimulatedCase(
        "invalid_model", "TRANSCRIPTION-MODEL", SessionProvocation(query="model=whisper-1"), "for transcription"
    ),
    SimulatedCase(
        "model_not_found", "MODEL-NOT-FOUND", SessionProvocation(query="model=gpt-4o-realtime-preview"), "removed"
    ),
    SimulatedCase(
        "model_not_found", "MODEL-NOT-FOUND", SessionProvocation(scenario="model-gone"), "minted and then refused"
    ),
    SimulatedCase(
        "model_not_found", "MODEL-NOT-FOUND", RestProvocation(method="GET", path="/v1/models/gpt-nothing"), "over REST"
    ),
    SimulatedCase("invalid_intent", "INVALID-INTENT", SessionProvocation(query="intent=singing"), "unknown"),
    SimulatedCase("invalid_intent", "INVALID-INTENT", SessionProvocation(query=f"intent=&model={MODEL}"), "empty"),
    SimulatedCase("insufficient_quota", "NO-QUOTA", SessionProvocation(scenario="no-quota"), "behind the 101"),
    SimulatedCase("insufficient_quota", "NO-QUOTA", RestProvocation(scenario="mint-quota"), "while minting"),
    SimulatedCase("credit_balance_exhausted", "CREDIT-EXHAUSTED", SessionProvocation(scenario="credit-exhausted")),
    SimulatedCase("project_spend_limit_exceeded", "PROJECT-SPEND-LIMIT", SessionProvocation(scenario="project-limit")),
    SimulatedCase(
        "organization_spend_limit_exceeded",
        "ORGANIZATION-SPEND-LIMIT",
        SessionProvocation(scenario="organization-limit"),
    ),
    SimulatedCase(
        "organization_usage_limit_exceeded", "ORGANIZATION-USAGE-LIMIT", SessionProvocation(scenario="usage-limit")
    ),
    *(
        SimulatedCase(code, slug, RestProvocation(faults=(f"refuse:code={code},on=mint",)), "while minting")
        for code, slug in (
            ("credit_balance_exhausted", "CREDIT-EXHAUSTED"),
            ("project_spend_limit_exceeded", "PROJECT-SPEND-LIMIT"),
            ("organization_spend_limit_exceeded", "ORGANIZATION-SPEND-LIMIT"),
            ("organization_usage_limit_exceeded", "ORGANIZATION-USAGE-LIMIT"),
        )
    ),
    SimulatedCase("session_expired", "SESSION-EXPIRED", SessionProvocation(scenario="session-expired")),
    SimulatedCase(
        "rate_limit_exceeded", "RATE-LIMITED", SessionProvocation(scenario="session-limited"), "behind the 101"
    ),
    SimulatedCase(
        "inference_rate_limit_exceeded",
        "RATE-LIMITED",
        SessionProvocation(scenario="rate-limited", steps=(_CREATE,)),
        "in a response",
    ),
    SimulatedCase("rate_limit_exceeded", "RATE-LIMITED", RestProvocation(scenario="rate-limited"), "while minting"),
    SimulatedCase(
        "server_error",
        "SERVER-ERROR",
        SessionProvocation(scenario="failed-response", steps=(_CREATE,)),
        "in a failed response",
    ),
    SimulatedCase("server_error", "SERVER-ERROR", SessionProvocation(scenario="server-error"), "behind the 101"),
)

_REFUSED_IN_A_SESSION: tuple[SimulatedCase, ...] = (
    SimulatedCase("invalid_value", "UNKNOWN-EVENT", _say({"type": "transcription_session.create"}), "unknown event"),
    SimulatedCase("invalid_value", "UNKNOWN-EVENT", _say({"type": "ping"}), "ping"),
    SimulatedCase("invalid_value", "INVALID-VALUE", _say(_update(output_modalities=["smell"])), "not in the list"),
    SimulatedCase("invalid_value", "INVALID-VALUE", _say(_CREATE, Until("response.done"), _truncate_far),
        "past the end"),
    SimulatedCase("invalid_value", "INVALID-VALUE", SessionProvocation(query="intent=transcription",
        steps=(_UNHEARING,)), "VAD without"),
    SimulatedCase("invalid_type", "INVALID-TYPE", _say(_update(instructions=5))),
    SimulatedCase("unknown_parameter", "UNKNOWN-PARAMETER", _say(_update(colour="blue")), "of no dialect"),
    SimulatedCase("unknown_parameter", "MIXED-SHAPES", _say(_update(modalities=["text"])), "of the other dialect"),
    SimulatedCase("missing_required_parameter", "MIXED-SHAPES", _say({"type": "session.update", "session": {}}),
        "no type"),
    SimulatedCase("missing_required_parameter", "MISSING-PARAMETER", _say({"type": "conversation.item.create"}),
        "no item"),
    SimulatedCase("invalid_parameter", "SESSION-TYPE-MISMATCH", _say(_update(type="transcription"))),
    SimulatedCase("integer_below_min_value", "VALUE-TOO-SMALL",
        _say(_update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}))),
    SimulatedCase("decimal_below_min_value", "VALUE-TOO-SMALL", _say(_speaking(speed=0.01))),
    SimulatedCase("integer_above_max_value", "VALUE-TOO-LARGE", _say(_update(max_output_tokens=5000))),
    SimulatedCase("decimal_above_max_value", "VALUE-TOO-LARGE", _say(_speaking(speed=9.5))),
    SimulatedCase("string_above_max_length", "TEXT-TOO-LONG",
        _say(_update(tools=[{"type": "function", "name": "look", "description": _LONG}]))),
    SimulatedCase("invalid_json", "INVALID-JSON", _say("{'single': 'quotes'}")),
    SimulatedCase("invalid_event", "INVALID-EVENT", _say(b"\x00\x01" * 480), "binary"),
    SimulatedCase("invalid_event", "INVALID-EVENT", _say({"event_id": "a"}), "no type"),
    SimulatedCase("input_audio_buffer_commit_empty", "COMMIT-EMPTY", _say({"type": "input_audio_buffer.commit"}),
        "empty"),
    SimulatedCase("input_audio_buffer_commit_empty", "COMMIT-EMPTY",
        _say(_append(90), {"type": "input_audio_buffer.commit"}), "90 ms"),
    SimulatedCase("conversation_already_has_active_response", "RESPONSE-ACTIVE", _say(_CREATE, _CREATE)),
    SimulatedCase("response_cancel_not_active", "NOTHING-TO-CANCEL", _say({"type": "response.cancel"})),
    SimulatedCase("cannot_update_voice", "VOICE-FIXED", _say(_CREATE, Until("response.done"),
        _speaking(voice="cedar"))),
    SimulatedCase("item_retrieve_invalid_item_id", "UNKNOWN-ITEM", _item("retrieve")),
    SimulatedCase("item_delete_invalid_item_id", "UNKNOWN-ITEM", _item("delete")),
    SimulatedCase("item_truncate_invalid_item_id", "UNKNOWN-ITEM", _item("truncate", content_index=0, audio_end_ms=1)),
    SimulatedCase("item_create_invalid_previous_item_id", "UNKNOWN-ITEM",
        _say({**_message(), "previous_item_id": "gone"})),
    SimulatedCase("item_create_duplicate_item_id", "ITEM-EXISTS", _say(_message(id="one"), _message(id="one"))),
    SimulatedCase("unsupported_content_type", "NO-AUDIO-TO-TRUNCATE", _say(_message(id="one"),
        {"type": "conversation.item.truncate", "item_id": "one", "content_index": 0, "audio_end_ms": 0})),
    SimulatedCase("conversation_too_long", "CONVERSATION-TOO-LONG", _say(_update(truncation="disabled"),
        _message("word " * 80_000), _CREATE)),
    SimulatedCase("audio_unintelligible", "AUDIO-UNINTELLIGIBLE",
        SessionProvocation(scenario="failed-transcription", steps=(_LISTEN, _append(200),
            {"type": "input_audio_buffer.commit"}))),
)  # fmt: skip


def _azure(scenario: str = "good", query: str = "model=my-deployment") -> UpgradeProvocation:
    return UpgradeProvocation(
        path=_AZURE, query=query, headers=_AZURE_KEY, exchange=HttpExchange.AZURE_HANDSHAKE, scenario=scenario
    )


def _saying(status: int, code: str) -> Provocation:
    fault = f"http:status={status},says={code}"
    return UpgradeProvocation(path=_AZURE, headers=_AZURE_KEY, exchange=HttpExchange.AZURE_HANDSHAKE, faults=(fault,))


_REFUSED_OVER_HTTP: tuple[SimulatedCase, ...] = (
    SimulatedCase("unsupported_country_region_territory", "COUNTRY-REFUSED", RestProvocation(scenario="wrong-country"),
        "mint"),
    SimulatedCase("unsupported_country_region_territory", "COUNTRY-REFUSED",
        UpgradeProvocation(scenario="wrong-country"), "upgrade"),
    SimulatedCase("server_is_overloaded", "OVERLOADED", RestProvocation(scenario="mint-503")),
    SimulatedCase("slow_down", "OVERLOADED", RestProvocation(scenario="slow-down")),
    SimulatedCase("OpperationNotSupported", "TRANSCRIPTION-MODEL", _azure(query="model=gpt-4o-transcribe")),
    SimulatedCase("OperationNotSupported", "TRANSCRIPTION-MODEL", _saying(400, "OperationNotSupported")),
    SimulatedCase("DeploymentNotFound", "AZURE-NO-DEPLOYMENT", _azure("no-model"), "by code"),
    SimulatedCase("DeploymentNotFound", "AZURE-NO-DEPLOYMENT", _azure("handshake-404"), "by status"),
    SimulatedCase(None, "KEY-RESTRICTED", RestProvocation(faults=("http:status=403,on=mint,says=key_restricted",)),
        "restricted key"),
    SimulatedCase(None, "NO-KEY", RestProvocation(key=""), "no credential over REST"),
    SimulatedCase("invalid_value", "INVALID-VALUE", RestProvocation(
        body=b'{"session":{"type":"transcription","audio":{"input":{"transcription":{"model":"gpt-live-transcribe"},'
             b'"turn_detection":{"type":"server_vad"}}}}}'), "while minting"),
    SimulatedCase("unknown_parameter", "MIXED-SHAPES", RestProvocation(
        body=b'{"session":{"type":"realtime","modalities":["text"]}}'), "mixed dialects while minting"),
    SimulatedCase("invalid_api_key", "KEY-REFUSED", RestProvocation(path="/v1/realtime/calls", body=b"v=0",
        key="ek_old", exchange=HttpExchange.SDP),
        "bad secret with an SDP offer"),
    SimulatedCase("call_id_not_found", "UNKNOWN-CALL", RestProvocation(path="/v1/realtime/calls/rtc_1/hangup")),
    SimulatedCase("insufficient_quota", "NO-QUOTA", RestProvocation(path="/v1/realtime/calls", body=b"v=0", key=KEY,
        exchange=HttpExchange.SDP,
        scenario="mint-quota"), "no credit with an SDP offer"),
)  # fmt: skip

ERROR_CASES: tuple[SimulatedCase, ...] = (*_REFUSED_AT_THE_UPGRADE, *_REFUSED_IN_A_SESSION, *_REFUSED_OVER_HTTP)
