"""The files of the page: what is served, with which headers, and that nothing in them needs a weaker policy."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.server.config.settings import ClientRules
from bridge.server.page.files import CONTENT_SECURITY_POLICY, find_page_file, page_files, page_response
from bridge.transport.http import HttpRequest
from reports.redaction import Secret
from tests.server.harness import TOKEN, make_settings, running_bridge

if TYPE_CHECKING:
    from tests.server.harness import BridgeHarness

ROOT = Path(__file__).parents[3]
WEB = files("bridge.server.page") / "web"
HTML = (WEB / "index.html").read_text()
SCRIPTS = sorted(path for path in page_files() if path.endswith(".js"))


def request(path: str, **headers: str) -> HttpRequest:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpRequest(method="GET", path=path, query={}, target=path, headers=named)


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text within scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style"):
            self.inline += data.strip()


@pytest.mark.parametrize("path", page_files())
def test_every_file_has_its_type_its_tag_and_the_strict_policy(path: str) -> None:
    file = find_page_file(path)
    assert file is not None
    response = page_response(request(path), file)
    headers = dict(response.headers)
    assert (response.status, response.body) == (200, file.body)
    kinds = {"": "text/html", "html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert headers["content-type"].split(";")[0] == kinds[path.partition(".")[2]]
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"
    assert headers["etag"] == file.etag


def test_the_policy_allows_nothing_inline_and_nothing_of_other_origins() -> None:
    sources = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert set(sources.values()) == {"'self'", "'none'"}
    assert sources["default-src"] == sources["base-uri"] == sources["form-action"] == "'none'"
    assert sources["frame-ancestors"] == "'none'"


def test_the_page_has_no_inline_script_or_style_and_names_only_files_that_are_served() -> None:
    found = Tags(HTML)
    assert found.inline == ""
    for _, attributes in found.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    named = [value for _, known in found.tags for name, value in known.items() if name in ("src", "href") and value]
    own = [name for name in named if not name.startswith("#") and name not in ("healthz", "metrics")]
    assert len(own) >= 4
    assert [name for name in own if f"/{name}" not in page_files()] == []


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_script_imports_only_its_neighbours_and_writes_no_html(path: str) -> None:
    text = page_files()[path].body.decode()
    for name in re.findall(r'^(?:import|export) .*?from "(.*?)";$', text, re.MULTILINE | re.DOTALL):
        assert name.startswith("./")
        assert name[1:] in page_files()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


@pytest.mark.parametrize("tag", ["{}", "W/{}", '"another", {}'])
async def test_a_file_that_the_browser_has_is_not_sent_again(tag: str) -> None:
    file = page_files()["/page.js"]
    response = page_response(request("/page.js", if_none_match=tag.format(file.etag)), file)
    assert (response.status, response.body, dict(response.headers)["etag"]) == (304, b"", file.etag)
    assert page_response(request("/page.js", if_none_match='"another"'), file).status == 200


async def test_over_the_wire_a_304_says_nothing_about_the_length() -> None:
    async with running_bridge() as bridge:
        etag = page_files()["/"].etag
        wire = bridge.stream()
        await wire.send_all(f"GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: {etag}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := await wire.receive_some():
            answer += piece
        assert answer.startswith(b"HTTP/1.1 304 Not Modified\r\n")
        assert b"content-length" not in answer.lower()


@pytest.mark.parametrize(
    "path", ["/package.json", "/tsconfig.json", "/worklet-globals.d.ts", "/../files.py", "/web/page.js"]
)
async def test_nothing_else_of_the_folder_is_served(path: str) -> None:
    async with running_bridge() as bridge:
        status, _, body = await bridge.get(path)
        assert (status, json.loads(body)["code"]) == (404, "NOT_FOUND")


async def test_files_accept_only_get() -> None:
    async with running_bridge() as bridge:
        status, head, _ = await bridge.get("/page.js", "POST")
        assert (status, b"allow: GET, HEAD" in head) == (405, True)
        status, head, body = await bridge.get("/page.js", "HEAD")
        assert (status, body) == (200, b"")
        assert f"content-length: {len(page_files()['/page.js'].body)}".encode() in head


@pytest.mark.parametrize(
    ("origin", "token", "code"),
    [
        ("http://localhost:8765", None, None),
        ("https://app.test", None, "ORIGIN_NOT_ALLOWED"),
        ("http://localhost:8765", "wrong", None),
    ],
)
async def test_a_page_learns_why_it_may_not_connect(origin: str, token: str | None, code: str | None) -> None:
    async with running_bridge() as bridge:
        assert (await ask_for_access(bridge, origin, token))["code"] == code


@pytest.mark.parametrize(("token", "code"), [(None, "UNAUTHORIZED"), ("wrong", "UNAUTHORIZED"), (TOKEN, None)])
async def test_a_page_learns_that_its_token_is_missing_or_wrong(token: str | None, code: str | None) -> None:
    async with running_bridge(make_settings(ClientRules(token=Secret(TOKEN)))) as bridge:
        answer = await ask_for_access(bridge, "http://localhost:8765", token)
        assert answer["code"] == code
        assert TOKEN not in str(answer)
        bridge.bridge.drain()
        assert (await ask_for_access(bridge, "http://localhost:8765", token))["code"] == "SERVER_BUSY"
        status, _, _ = await bridge.get("/page/access")
        assert status == 405


async def ask_for_access(bridge: BridgeHarness, origin: str, token: str | None) -> dict[str, Any]:
    wire = bridge.stream()
    credential = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /page/access HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\n{credential}Connection: close\r\n\r\n"
    await wire.send_all(head.encode())
    answer = b""
    while piece := await wire.receive_some():
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


async def test_the_page_can_be_switched_off() -> None:
    async with running_bridge(make_settings(page=False)) as bridge:
        for path in ("/", "/page.js", "/page/simulator", "/page/access"):
            status, _, _ = await bridge.get(path)
            assert status == 404


def test_the_package_names_every_file_of_the_client_and_the_version_of_the_project() -> None:
    package = json.loads((WEB / "package.json").read_text())
    assert package["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    packed = {path[1:] for path in page_files() for pattern in package["files"] if fnmatch(path[1:], pattern)}
    needed, left = set[str](), ["sherpa-client.js", "audio.js", "mic-worklet.js", "player-worklet.js"]
    while left:
        name = left.pop()
        needed.add(name)
        imported = re.findall(r'from "\./(.*?)"', page_files()[f"/{name}"].body.decode())
        left += [one for one in imported if one not in needed]
    assert packed == needed
    assert {target["default"] if isinstance(target, dict) else target for target in package["exports"].values()} <= {
        f"./{name}" for name in needed
    }


def test_a_client_has_no_dom_so_that_workers_and_other_frameworks_can_use_it() -> None:
    for path in SCRIPTS:
        if not path.startswith("/page"):
            assert not re.search(r"\bdocument\.|\bwindow\.", page_files()[path].body.decode()), path


def test_the_docs_name_every_event_of_the_client_and_no_other() -> None:
    modules = ("/sherpa-client.js", "/outgoing.js", "/native-events.js")
    sources = "".join(page_files()[path].body.decode() for path in modules)
    emitted = set(re.findall(r'(?:emit\(|\bname: )"([a-z_]+)"', sources))
    table = (
        (ROOT / "docs" / "browser.md").read_text().partition("| event | detail |\n|---|---|\n")[2].partition("\n\n")[0]
    )
    named = {name for row in table.splitlines() for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert named == emitted
