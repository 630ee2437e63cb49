"""What people write as a base URL."""

from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.dial.base_url import BaseUrl, normalize_base_url


@pytest.mark.parametrize(
    ("text", "url", "noted"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1", ()),
        ("https://api.openai.com", "https://api.openai.com/v1", ("/v1 was appended",)),
        (" https://api.openai.com/ ", "https://api.openai.com/v1", ("/v1 was appended",)),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1", ()),
        ("wss://API.openai.com/v1", "https://api.openai.com/v1", ("wss:// was read as https://",)),
        ("ws://localhost:8080/v1", "http://localhost:8080/v1", ("ws:// was read as http://",)),
        ("https://gw.example/openai-proxy/api", "https://gw.example/openai-proxy/api", ()),
        (
            "https://api.openai.com/v1/realtime",
            "https://api.openai.com/v1",
            ("/realtime was removed: it belongs to the WebSocket path",),
        ),
    ],
)
def test_a_base_url_is_brought_into_form(text: str, url: str, noted: tuple[str, ...]) -> None:
    assert normalize_base_url(text) == BaseUrl(url, azure=False, notes=noted)
    assert normalize_base_url(url) == BaseUrl(url, azure=False)


AZURE = "https://res.openai.azure.com"


@pytest.mark.parametrize("tail", ["", "/", "/openai", "/openai/v1", "/openai/v1/", "/openai/v1/realtime"])
@pytest.mark.parametrize(("dialect", "path"), [(Dialect.GA, "/openai/v1"), (Dialect.BETA, "/openai")])
def test_an_azure_resource_is_recognized_by_its_host(tail: str, dialect: Dialect, path: str) -> None:
    base = normalize_base_url(AZURE + tail, dialect=dialect)
    assert (base.url, base.azure) == (AZURE + path, True)


def test_a_gateway_before_azure_keeps_its_own_path() -> None:
    assert normalize_base_url("https://gw.example/team", azure=True).url == "https://gw.example/team/openai/v1"
    assert normalize_base_url(AZURE, azure=False).url == f"{AZURE}/v1"
    own = normalize_base_url("https://gw.example/v1", azure=True)
    assert (own.url, own.azure) == ("https://gw.example/v1", True)
    assert own.notes == ("the path /v1 was kept as the gateway's, without Azure's /openai/v1",)
    assert normalize_base_url(f"{AZURE}/v1").url == f"{AZURE}/openai/v1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("htp://api.openai.com", "write http://"),
        ("https://api.openai.com/v1?model=x", "no '?'"),
        ("https://k:s@api.openai.com", "password"),
        ("api.openai.com", "put https:// in front"),
    ],
)
def test_an_invalid_base_url_is_reported(text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        normalize_base_url(text)
    assert says in str(caught.value)
