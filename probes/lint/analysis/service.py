"""Whose service a file uses, and what kind of file it is: the limits of what a finding may claim.

A mistake about the Realtime API is certain only in code that is shown to use OpenAI's service. Other services keep the
beta's dialect or have one of their own; a test may send anything to its fake; a type only describes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePath


class Service(Enum):
    """The service that a file uses, as far as the file shows."""

    OPENAI = auto()
    """The public service, or its vocabulary and no other service."""
    AZURE = auto()
    """Azure OpenAI, which retires models on dates of its own."""
    AZURE_PREVIEW = auto()
    """Azure's preview address, which still speaks the beta dialect: deprecated, not refused."""
    MIXED = auto()
    """OpenAI's and another one."""
    ELSEWHERE = auto()
    """Another service only."""
    RESPONSES = auto()
    """The Responses API, which shares a few names of events."""
    UNKNOWN = auto()
    """Nothing shows which."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a file is about."""

    service: Service
    is_test: bool
    is_beta: bool
    """Whether the path says that the beta is meant: a folder named `beta`."""


#: Services with a Realtime API of their own or a compatible one, by address or by the name in code.
_OTHERS = re.compile(
    r"api\.x\.ai\b|\bapi\.together\.|\binworld\.ai|bigmodel\.cn|\bz\.ai/|stepfun\.(?:com|ai)|dashscope|/voice-live/"
    r"|\bazure\.ai\.voicelive|(?<![a-z])voice_?live(?![a-z])|\bVoiceLive|(?<![a-z])xai(?![a-z])|XAI[A-Z][a-z]|Xai[A-Z]"
    r"|\bgrok-|(?<![a-z])litellm|(?<![a-z])qwen|\bzhipu|\bglm-(?:realtime|4)|\bspeaches\b|\blocalai\b|\bmoshi\b"
    r"|\bgemini-[\d.]+\S*live|\bultravox|aliyun|(?i:nemotron|nvidia[_ -]?(?:nim|riva|nemotron))"
)
_OTHER_PATH = re.compile(
    r"(?i)(?:^|[/_.\-])(?:xai|grok|glm|zhipu|bigmodel|stepfun|qwen|dashscope|voice[_-]?live|litellm|inworld|together"
    r"|gemini|ultravox|localai|speaches|aliyun|nvidia|riva)(?=$|[/_.\-])|VoiceLive|(?:^|/)XAI"
)
_PUBLIC = re.compile(r"api\.openai\.com")
_AZURE = re.compile(
    r"openai\.azure\.com|/openai/(?:v1/)?realtime|AzureOpenAI|AZURE_OPENAI|azure_endpoint|azure_deployment"
)
#: The preview's path, and its parameter within the next or the previous few lines.
_AZURE_PREVIEW = re.compile(
    r"openai/realtime\b(?!/v1)[\s\S]{0,400}api[-_]?version|api[-_]?version[\s\S]{0,400}openai/realtime\b"
)
#: The SDK's client for Azure, which opens the preview's path, with a version of the preview.
_AZURE_CLIENT, _PREVIEW_VERSION = re.compile(r"\b(?:Async)?AzureOpenAI\s*\("), re.compile(r"\d{4}-\d\d-\d\d-preview\b")
#: What only the Realtime API says; `response.created` and the like belong to the Responses API as well.
_REALTIME = re.compile(
    r"/v1/realtime|/openai/realtime|realtime\?model=|/realtime/(?:client_secrets|sessions|calls)|input_audio_buffer\."
    r"|\bconversation\.item\.|\bsession\.updated?\b|transcription_session\.|response\.(?:output_)?audio_transcript\."
    r"|\bresponse\.text\.(?:delta|done)|output_audio_buffer\.|\.realtime\.connect\b|realtime-api-beta"
    r"|realtime=v1|openai-beta\.realtime|(?i:RealtimeClient|RealtimeSession|OpenAIRealtime)|gpt-(?:4o-)?(?:mini-)?realtime"
)
_RESPONSES = re.compile(
    r"\bresponses?\.(?:create|stream|parse)\(|/v1/responses\b|/types/responses|responses_event|ResponseStream"
)
_TEST_FOLDER = re.compile(
    r"(?i)(?:^|/)(?:tests?|__tests__|testing|spec|specs|e2e|fixtures?|mocks?|__mocks__|testdata|cassettes)/"
)
_TEST_NAME = re.compile(
    r"(?i)(?:^|/)(?:test[_-][^/]*|[^/]*_test|conftest|[^/]*[.-](?:test|spec|mock|stories))\.[a-z]+$"
)
_BETA_FOLDER = re.compile(r"(?:^|/)beta/|(?:^|/)beta_[^/]*$")


def context_of(text: str, path: PurePath) -> SourceContext:
    """Return what a file is about, from its text and its path below the folder that is checked."""
    where = path.as_posix()
    return SourceContext(_service(text, where), _is_test(where), bool(_BETA_FOLDER.search(where)))


@cache
def _is_test(where: str) -> bool:
    return bool(_TEST_FOLDER.search(where) or _TEST_NAME.search(where))


def names_public_address(text: str) -> bool:
    """Whether a text names OpenAI's own address."""
    return _PUBLIC.search(text) is not None


def names_azure(text: str) -> bool:
    """Whether a text names Azure's addresses, settings or clients."""
    return _AZURE.search(text) is not None


def speaks_azure_preview(text: str) -> bool:
    """Whether a text opens Azure's preview address, by itself or through the SDK."""
    # Most texts have neither word, and looking for a word is far quicker than these expressions are.
    if "AzureOpenAI" in text and _AZURE_CLIENT.search(text) and _PREVIEW_VERSION.search(text):
        return True
    return "openai/realtime" in text and _AZURE_PREVIEW.search(text) is not None


def _service(text: str, where: str) -> Service:
    public = _PUBLIC.search(text)
    if _OTHERS.search(text) or _OTHER_PATH.search(where):
        return Service.MIXED if public else Service.ELSEWHERE
    if public:
        return Service.OPENAI if _REALTIME.search(text) else Service.UNKNOWN
    if _AZURE.search(text):
        return Service.AZURE_PREVIEW if speaks_azure_preview(text) else Service.AZURE
    if _REALTIME.search(text):
        return Service.OPENAI
    return Service.RESPONSES if _RESPONSES.search(text) or "/responses/" in where else Service.UNKNOWN
