"""Every error code, and what provokes it: behind the 101, inside a session, or in an HTTP body."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import tone
from bridge.protocol.refusals.lookup import Where
from tests.protocol.refusals.provoke import KEY, MODEL, Fetch, Knock, Talk, Until
from tests.protocol.refusals.simulated_case import Row

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


def _say(*steps: Step) -> Talk:
    return Talk(steps=steps)


def _item(verb: str, **more: int) -> Talk:
    return _say({"type": f"conversation.item.{verb}", "item_id": "item_of_another_session", **more})


_LISTEN = _update(audio={"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}})
_VAD_WITHOUT = {"transcription": {"model": "gpt-live-transcribe"}, "turn_detection": {"type": "server_vad"}}
_UNHEARING = {"type": "session.update", "session": {"type": "transcription", "audio": {"input": _VAD_WITHOUT}}}
_CREATE = {"type": "response.create"}

_REFUSED_AT_THE_DOOR: tuple[Row, ...] = (
    Row("invalid_api_key", "KEY-REFUSED", Talk(key="sk-invalid-0000"), "by scenario"),
    Row("invalid_api_key", "KEY-REFUSED", Talk(key="[object Object]"), "a placeholder"),
    Row("invalid_api_key", "KEY-REFUSED", Talk(key="ek_of_yesterday"), "a secret that has expired"),
    Row(None, "NO-KEY", Talk(key=""), "no credential"),
    Row("beta_api_shape_disabled", "BETA-DISABLED", Talk(headers=(("OpenAI-Beta", "realtime=v1"),)), "header"),
    Row("beta_api_shape_disabled", "BETA-DISABLED", Talk(scenario="beta-refused"), "header added on the way"),
    Row("beta_api_shape_disabled", "BETA-DISABLED", Fetch(path="/v1/realtime", body=b"v=0"), "old SDP address"),
    Row("missing_model", "MISSING-MODEL", Talk(query="")),
    Row("invalid_model", "INVALID-MODEL", Talk(query="model=gpt-live-1"), "of another API"),
    Row("invalid_model", "MODEL-WITH-INTENT", Talk(query=f"intent=transcription&model={MODEL}"), "with intent"),
    Row("invalid_model", "TRANSCRIPTION-MODEL", Talk(query="model=whisper-1"), "for transcription"),
    Row("model_not_found", "MODEL-NOT-FOUND", Talk(query="model=gpt-4o-realtime-preview"), "removed"),
    Row("model_not_found", "MODEL-NOT-FOUND", Talk(scenario="model-gone"), "minted and then refused"),
    Row("model_not_found", "MODEL-NOT-FOUND", Fetch(method="GET", path="/v1/models/gpt-nothing"), "over REST"),
    Row("invalid_intent", "INVALID-INTENT", Talk(query="intent=singing"), "unknown"),
    Row("invalid_intent", "INVALID-INTENT", Talk(query=f"intent=&model={MODEL}"), "empty"),
    Row("insufficient_quota", "NO-QUOTA", Talk(scenario="no-quota"), "behind the 101"),
    Row("insufficient_quota", "NO-QUOTA", Fetch(scenario="mint-quota"), "while minting"),
    Row("credit_balance_exhausted", "CREDIT-EXHAUSTED", Talk(scenario="credit-exhausted")),
    Row("project_spend_limit_exceeded", "PROJECT-SPEND-LIMIT", Talk(scenario="project-limit")),
    Row("organization_spend_limit_exceeded", "ORGANIZATION-SPEND-LIMIT", Talk(scenario="organization-limit")),
    Row("organization_usage_limit_exceeded", "ORGANIZATION-USAGE-LIMIT", Talk(scenario="usage-limit")),
    *(
        Row(code, slug, Fetch(faults=(f"refuse:code={code},on=mint",)), "while minting")
        for code, slug in (
            ("credit_balance_exhausted", "CREDIT-EXHAUSTED"),
            ("project_spend_limit_exceeded", "PROJECT-SPEND-LIMIT"),
            ("organization_spend_limit_exceeded", "ORGANIZATION-SPEND-LIMIT"),
            ("organization_usage_limit_exceeded", "ORGANIZATION-USAGE-LIMIT"),
        )
    ),
    Row("session_expired", "SESSION-EXPIRED", Talk(scenario="session-expired")),
    Row("rate_limit_exceeded", "RATE-LIMITED", Talk(scenario="session-limited"), "behind the 101"),
    Row("rate_limit_exceeded", "RATE-LIMITED", Talk(scenario="rate-limited", steps=(_CREATE,)), "in a response"),
    Row("rate_limit_exceeded", "RATE-LIMITED", Fetch(scenario="rate-limited"), "while minting"),
    Row("server_error", "SERVER-ERROR", Talk(scenario="failed-response", steps=(_CREATE,)), "in a failed response"),
    Row("server_error", "SERVER-ERROR", Talk(scenario="server-error"), "behind the 101"),
)

_REFUSED_IN_A_SESSION: tuple[Row, ...] = (
    Row("invalid_value", "UNKNOWN-EVENT", _say({"type": "transcription_session.create"}), "unknown event"),
    Row("invalid_value", "UNKNOWN-EVENT", _say({"type": "ping"}), "ping"),
    Row("invalid_value", "INVALID-VALUE", _say(_update(output_modalities=["smell"])), "not in the list"),
    Row("invalid_value", "INVALID-VALUE", _say(_CREATE, Until("response.done"), _truncate_far), "past the end"),
    Row("invalid_value", "INVALID-VALUE", Talk(query="intent=transcription", steps=(_UNHEARING,)), "VAD without"),
    Row("invalid_type", "INVALID-TYPE", _say(_update(instructions=5))),
    Row("unknown_parameter", "UNKNOWN-PARAMETER", _say(_update(colour="blue")), "of no dialect"),
    Row("unknown_parameter", "MIXED-SHAPES", _say(_update(modalities=["text"])), "of the other dialect"),
    Row("missing_required_parameter", "MIXED-SHAPES", _say({"type": "session.update", "session": {}}), "no type"),
    Row("missing_required_parameter", "MISSING-PARAMETER", _say({"type": "conversation.item.create"}), "no item"),
    Row("invalid_parameter", "SESSION-TYPE-MISMATCH", _say(_update(type="transcription"))),
    Row("integer_below_min_value", "VALUE-TOO-SMALL",
        _say(_update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}))),
    Row("decimal_below_min_value", "VALUE-TOO-SMALL", _say(_speaking(speed=0.01))),
    Row("integer_above_max_value", "VALUE-TOO-LARGE", _say(_update(max_output_tokens=5000))),
    Row("decimal_above_max_value", "VALUE-TOO-LARGE", _say(_speaking(speed=9.5))),
    Row("string_above_max_length", "TEXT-TOO-LONG",
        _say(_update(tools=[{"type": "function", "name": "look", "description": _LONG}]))),
    Row("invalid_json", "INVALID-JSON", _say("{'single': 'quotes'}")),
    Row("invalid_event", "INVALID-EVENT", _say(b"\x00\x01" * 480), "binary"),
    Row("invalid_event", "INVALID-EVENT", _say({"event_id": "a"}), "no type"),
    Row("input_audio_buffer_commit_empty", "COMMIT-EMPTY", _say({"type": "input_audio_buffer.commit"}), "empty"),
    Row("input_audio_buffer_commit_empty", "COMMIT-EMPTY",
        _say(_append(90), {"type": "input_audio_buffer.commit"}), "90 ms"),
    Row("conversation_already_has_active_response", "RESPONSE-ACTIVE", _say(_CREATE, _CREATE)),
    Row("response_cancel_not_active", "NOTHING-TO-CANCEL", _say({"type": "response.cancel"})),
    Row("cannot_update_voice", "VOICE-FIXED", _say(_CREATE, Until("response.done"), _speaking(voice="marin"))),
    Row("item_retrieve_invalid_item_id", "UNKNOWN-ITEM", _item("retrieve")),
    Row("item_delete_invalid_item_id", "UNKNOWN-ITEM", _item("delete")),
    Row("item_truncate_invalid_item_id", "UNKNOWN-ITEM", _item("truncate", content_index=0, audio_end_ms=1)),
    Row("audio_unintelligible", "AUDIO-UNINTELLIGIBLE",
        Talk(scenario="failed-transcription", steps=(_LISTEN, _append(200), {"type": "input_audio_buffer.commit"}))),
)  # fmt: skip


def _azure(scenario: str = "good", query: str = "model=my-deployment") -> Knock:
    return Knock(path=_AZURE, query=query, headers=_AZURE_KEY, where=Where.AZURE_HANDSHAKE, scenario=scenario)


def _saying(status: int, code: str) -> Provocation:
    fault = f"http:status={status},says={code}"
    return Knock(path=_AZURE, headers=_AZURE_KEY, where=Where.AZURE_HANDSHAKE, faults=(fault,))


_REFUSED_OVER_HTTP: tuple[Row, ...] = (
    Row("unsupported_country_region_territory", "COUNTRY-REFUSED", Fetch(scenario="wrong-country"), "mint"),
    Row("unsupported_country_region_territory", "COUNTRY-REFUSED", Knock(scenario="wrong-country"), "upgrade"),
    Row("server_is_overloaded", "OVERLOADED", Fetch(scenario="mint-503")),
    Row("slow_down", "OVERLOADED", Fetch(scenario="slow-down")),
    Row("OpperationNotSupported", "TRANSCRIPTION-MODEL", _azure(query="model=gpt-4o-transcribe")),
    Row("OperationNotSupported", "TRANSCRIPTION-MODEL", _saying(400, "OperationNotSupported")),
    Row("DeploymentNotFound", "AZURE-NO-DEPLOYMENT", _azure("no-model"), "by code"),
    Row("DeploymentNotFound", "AZURE-NO-DEPLOYMENT", _azure("handshake-404"), "by status"),
    Row(None, "KEY-RESTRICTED", Fetch(faults=("http:status=403,on=mint,says=key_restricted",)), "restricted key"),
    Row(None, "NO-KEY", Fetch(key=""), "no credential over REST"),
    Row("invalid_value", "INVALID-VALUE", Fetch(
        body=b'{"session":{"type":"transcription","audio":{"input":{"transcription":{"model":"gpt-live-transcribe"},'
             b'"turn_detection":{"type":"server_vad"}}}}}'), "while minting"),
    Row("unknown_parameter", "MIXED-SHAPES", Fetch(
        body=b'{"session":{"type":"realtime","modalities":["text"]}}'), "mixed dialects while minting"),
    Row("invalid_api_key", "KEY-REFUSED", Fetch(path="/v1/realtime/calls", body=b"v=0", key="ek_old", where=Where.SDP),
        "bad secret with an SDP offer"),
    Row("insufficient_quota", "NO-QUOTA", Fetch(path="/v1/realtime/calls", body=b"v=0", key=KEY, where=Where.SDP,
        scenario="mint-quota"), "no credit with an SDP offer"),
)  # fmt: skip

ERROR_ROWS: tuple[Row, ...] = (*_REFUSED_AT_THE_DOOR, *_REFUSED_IN_A_SESSION, *_REFUSED_OVER_HTTP)
