"""Requests and responses as values."""

from __future__ import annotations

import pytest

from bridge.transport.http import HttpRequest, HttpResponse, json_response, split_target, text_response


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", {}),
        ("/v1/realtime?model=gpt-realtime&x=", "/v1/realtime", {"model": "gpt-realtime", "x": ""}),
        ("/a%20b%2Fc?q=%C3%BC+x", "/a b/c", {"q": "ü x"}),
        ("/?a=1&a=2", "/", {"a": "2"}),
        ("//double", "//double", {}),
        ("http://host:1/p?q=1", "/p", {"q": "1"}),
        ("http://host", "/", {}),
        ("*", "*", {}),
    ],
)
def test_a_target_is_split_and_decoded(target: str, path: str, query: dict[str, str]) -> None:
    assert split_target(target) == (path, query)


def test_too_many_query_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="fields"):
        split_target("/?" + "&".join(f"a{n}=1" for n in range(101)))


def test_headers_are_found_in_any_case_and_joined() -> None:
    headers = (("accept", "a"), ("host", "h"), ("accept", "b"))
    request = HttpRequest(method="GET", path="/", query={}, target="/", headers=headers)
    assert request.header("Accept") == "a, b"
    assert request.header_values("ACCEPT") == ("a", "b")
    assert request.header("cookie") is None


def test_json_and_text_responses_have_their_content_type() -> None:
    assert json_response(201, {"a": [1]}, (("x", "y"),)) == HttpResponse(
        201, (("content-type", "application/json"), ("x", "y")), b'{"a":[1]}'
    )
    assert text_response(404, "no such page").body == b"no such page\n"
