from __future__ import annotations

from pathlib import PurePath

import pytest

from probes.lint.analysis.service import Service, context_of


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("connect('wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1')", Service.OPENAI),
        ("case 'conversation.item.added':", Service.OPENAI),
        ("connect('wss://api.x.ai/v1/realtime')", Service.ELSEWHERE),
        ("class VoiceLiveConnection { on('session.updated') }", Service.ELSEWHERE),
        ("urls = ['wss://api.x.ai/v1/realtime', 'wss://api.openai.com/v1/realtime']", Service.MIXED),
        ("f'wss://{host}/openai/realtime?api-version={version}'", Service.AZURE_PREVIEW),
        ("f'wss://{host}/openai/v1/realtime?model={name}'", Service.AZURE),
        (
            "client = AsyncAzureOpenAI(api_version='2025-04-01-preview'); client.realtime.connect()",
            Service.AZURE_PREVIEW,
        ),
        (
            "VERSION = '2024-10-01-preview'\nAzureOpenAI({ apiVersion: VERSION }).realtime.connect()",
            Service.AZURE_PREVIEW,
        ),
        ("client = AsyncAzureOpenAI(api_version='2025-08-28'); client.realtime.connect()", Service.AZURE),
        ("url = 'wss://nls.aliyuncs.com/ws'; on('session.updated')", Service.ELSEWHERE),
        ("MODEL = 'nemotron-asr-streaming'; on('session.updated')", Service.ELSEWHERE),
        ("client.responses.create(); on('response.audio.delta')", Service.RESPONSES),
        ("on('response.created')", Service.UNKNOWN),
    ],
)
def test_a_file_shows_which_service_it_uses(text: str, service: Service) -> None:
    assert context_of(text, PurePath("src/a.ts")).service is service


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/a.py", True),
        ("src/__tests__/a.ts", True),
        ("src/a.test.ts", True),
        ("test_a.py", True),
        ("a_test.py", True),
        ("conftest.py", True),
        ("scripts/test-voice.mjs", True),
        ("src/latest/a.py", False),
        ("test3_assistant.py", False),
        ("contest.py", False),
    ],
)
def test_a_path_shows_whether_it_is_a_test(path: str, is_test: bool) -> None:
    assert context_of("", PurePath(path)).is_test is is_test


def test_the_name_of_a_file_may_tell_the_service() -> None:
    assert context_of("case 'session.updated':", PurePath("src/xai_model.py")).service is Service.ELSEWHERE
    assert context_of("case 'session.updated':", PurePath("src/taxai.py")).service is Service.OPENAI
