"""Where a setting comes from, what is invalid, and how errors are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.config.prices_file import known_prices
from bridge.config.resolve import Flags
from bridge.config.toml_file import TABLES
from bridge.core.spending.caps import Caps
from bridge.server.addresses import parse_network
from bridge.server.config.options import OPTIONS
from bridge.server.config.resolve import BridgeFlags, ConfigError, read_bridge_settings

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.server.config.settings import BridgeSettings

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"
TOKEN = "a-token-for-the-tests-0123456789"


def read(folder: Path, toml: str = "", environment: dict[str, str] | None = None, **given: Any) -> BridgeSettings:
    if toml:
        (folder / "sherpa.toml").write_text(toml)
    flags = BridgeFlags(options=given, simulate="good")
    return read_bridge_settings(flags, environment or {}, folder)


def test_the_file_knows_every_option_and_no_other() -> None:
    assert set(TABLES["bridge"]) == set(OPTIONS)


def test_by_default_the_bridge_listens_on_loopback_only(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8765, 1)
    assert settings.clients.token is None
    assert settings.clients.origins == ()
    assert settings.clients.max_sessions == 1000
    assert settings.clients.rates.burst_frames == 2000
    assert settings.log_format is None


def test_by_default_there_is_no_cap_and_the_known_prices_hold(tmp_path: Path) -> None:
    rules = read(tmp_path).clients
    assert rules.caps == Caps()
    assert rules.prices == known_prices()


def test_a_flag_overrides_a_variable_the_file_and_the_default(tmp_path: Path) -> None:
    toml = "[bridge]\nport = 1\nmax_sessions = 1\nworkers = 1\nlocked = ['voice']\n"
    environment = {"SHERPA_BRIDGE_PORT": "2", "SHERPA_BRIDGE_MAX_SESSIONS": "2", "SHERPA_BRIDGE_WORKERS": " "}
    settings = read(tmp_path, toml, environment, port=3, locked=())
    assert (settings.port, settings.clients.max_sessions, settings.workers) == (3, 2, 1)
    assert settings.clients.locked == {"voice"}


def test_every_setting_of_the_file_is_read(tmp_path: Path) -> None:
    toml = """
[upstream]
model = "m"
[bridge]
host = "0.0.0.0"
allow_origin = ["https://App.example.com:443/", "http://localhost:3000"]
client_token_env = "TOKEN"
sessions_per_ip = 5
trusted_proxies = ["10.0.0.1", "10.1.2.3/16"]
proxy_protocol = true
mint = true
rollover = false
voice = "marin"
instructions = "Be kind."
turn_detection = "semantic_vad"
locked = ["model", "tools"]
max_message_bytes = 100000
bytes_per_second = 100000
frames_per_second = 100
drain_seconds = 2.5
idle_seconds = 120
max_session_seconds = 3000
max_cost_usd = 0.5
max_tokens = 100000
log_format = "json"
log_level = "debug"
"""
    settings = read(tmp_path, toml, {"TOKEN": TOKEN})
    rules, defaults = settings.clients, settings.session_defaults
    assert rules.origins == ("https://app.example.com", "http://localhost:3000")
    assert rules.token is not None
    assert rules.token.reveal() == TOKEN
    proxies = (parse_network("10.0.0.1"), parse_network("10.1.0.0/16"))
    assert rules.proxy_protocol
    assert (rules.sessions_per_ip, rules.trusted_proxies, rules.max_message_bytes) == (5, proxies, 100_000)
    assert rules.caps == Caps(idle_seconds=120, max_session_seconds=3000, max_cost_usd=0.5, max_tokens=100_000)
    assert (rules.rates.burst_bytes, rules.rates.burst_frames) == (800_000, 400)
    assert (defaults.mint, defaults.rollover, defaults.voice, defaults.turn_detection) == (
        True,
        False,
        "marin",
        "semantic_vad",
    )
    assert (settings.drain_seconds, settings.log_format, settings.log_level) == (2.5, "json", "debug")
    assert settings.upstream.model.value == "m"


def test_variables_can_have_lists_and_flags(tmp_path: Path) -> None:
    environment = {
        "SHERPA_BRIDGE_ALLOW_ORIGIN": "https://a.test, https://b.test",
        "SHERPA_BRIDGE_MINT": "yes",
        "SHERPA_BRIDGE_DRAIN_SECONDS": "0",
    }
    settings = read(tmp_path, environment=environment)
    assert settings.clients.origins == ("https://a.test", "https://b.test")
    assert settings.session_defaults.mint
    assert settings.drain_seconds == 0


def test_without_simulation_an_api_key_is_required(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no key: the environment variable OPENAI_API_KEY"):
        read_bridge_settings(BridgeFlags(options={}), {}, tmp_path)
    found = read_bridge_settings(
        BridgeFlags(options={}, upstream=Flags(base_url="https://eu.api.openai.com/v1")),
        {"OPENAI_API_KEY": KEY},
        tmp_path,
    )
    assert found.upstream.base_url.value == "https://eu.api.openai.com/v1"
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "0.0.0.0"}, ["--host", "--client-token-env", "--allow-anonymous"]),
        ({"host": "192.0.2.1"}, ["reachable from other machines"]),
        ({"client_token_env": "NOPE"}, ["NOPE", "--client-token-env", "is not set"]),
        ({"client_token_env": "SHORT"}, ["SHORT", "fewer than 16 characters"]),
        ({"allow_origin": ("*",)}, ["--allow-origin", "wildcard"]),
        ({"allow_origin": ("https://*.example.com",)}, ["wildcard"]),
        ({"allow_origin": ("app.example.com",)}, ["is not an origin"]),
        ({"allow_origin": ("null",)}, ["is not an origin"]),
        ({"allow_origin": ("https://a.test/path",)}, ["is not an origin", "without a path"]),
        ({"tls_cert": "/no/cert.pem"}, ["--tls-cert", "requires --tls-key"]),
        ({"tls_key": "/no/key.pem"}, ["--tls-key", "requires --tls-cert"]),
        ({"tls_cert": "/no/cert.pem", "tls_key": "/no/key.pem"}, ["--tls-cert", "file not found: /no/cert.pem"]),
    ],
)
def test_invalid_settings_are_reported_in_one_line(tmp_path: Path, given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, environment={"SHORT": "hunter2-hunter2"}, **given)
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert "\n" not in message
    assert "hunter2-hunter2" not in message


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("prot = 1", ["[bridge]", "'prot'", "did you mean", "port"]),
        ("port = 70000", ["sherpa.toml, [bridge] port", "from 0 to 65535"]),
        ("port = 1.5", ["whole number"]),
        ("port = 'x'", ["must be a number"]),
        ("workers = 0", ["[bridge] workers", "from 1 to 64"]),
        ("locked = ['voise']", ["[bridge] locked", "'voise' can't be locked", "voice"]),
        ("locked = 'voice'", ["must be a list of strings"]),
        ("locked = [1]", ["must be a list of strings"]),
        ("log_level = 'loud'", ["[bridge] log_level", "unknown value 'loud'"]),
        ("turn_detection = 'vad'", ["unknown value 'vad'", "server_vad"]),
        ("voice = ' '", ["[bridge] voice", "is empty"]),
        ("max_message_bytes = 10", ["from 65536"]),
        ("max_tokens = 0.5", ["[bridge] max_tokens", "whole number"]),
        ("prices = '/no/prices.toml'", ["/no/prices.toml", "file not found"]),
    ],
)
def test_an_error_in_the_file_is_reported_with_its_place(tmp_path: Path, toml: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[bridge]\n{toml}\n")
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("PORT", "eight", "must be a whole number, but is 'eight'"), ("MINT", "maybe", "must be true or false")],
)
def test_an_error_in_a_variable_is_reported_with_its_name(tmp_path: Path, name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"SHERPA_BRIDGE_{name}: {words}"):
        read(tmp_path, environment={f"SHERPA_BRIDGE_{name}": value})


def test_a_wrong_variable_is_an_error_although_an_option_overrides_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SHERPA_BRIDGE_PORT: must be a whole number, but is 'abc'"):
        read(tmp_path, environment={"SHERPA_BRIDGE_PORT": "abc"}, port=1)


def test_the_address_of_a_service_is_passed_over_as_a_port_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SHERPA_BRIDGE_MAX_SESSIONS: must be a whole number"):
        read(tmp_path, environment={"SHERPA_BRIDGE_MAX_SESSIONS": "tcp://10.0.0.7:8765"})


@pytest.mark.parametrize("text", ["rubbish", "10.0.0.1/33", "10.0.0.1:80", "proxy.example.com"])
def test_a_trusted_proxy_that_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=f"trusted_proxies: '{text}' is neither an address nor a network"):
        read(tmp_path, f"[bridge]\ntrusted_proxies = ['10.0.0.1', '{text}']\n")


def test_the_proxy_protocol_needs_proxies_to_trust(tmp_path: Path) -> None:
    assert not read(tmp_path).clients.proxy_protocol
    with pytest.raises(ConfigError, match="proxy_protocol: needs trusted_proxies"):
        read(tmp_path, "[bridge]\nproxy_protocol = true\n")


def test_beyond_loopback_a_token_or_allow_anonymous_is_required(tmp_path: Path) -> None:
    assert read(tmp_path, host="0.0.0.0", allow_anonymous=True).host == "0.0.0.0"
    assert read(tmp_path, environment={"T": TOKEN}, host="0.0.0.0", client_token_env="T").clients.token is not None
    assert read(tmp_path, host="::1").host == "::1"


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "LocalHost", "127.0.0.1"])
def test_every_loopback_address_is_allowed(tmp_path: Path, host: str) -> None:
    assert read(tmp_path, host=host).host == host


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    toml = "[bridge]\nmax_sessions = 0\nlocked = ['modle']\ntls_cert = 'cert.pem'\nhost = '0.0.0.0'\n"
    toml += "[upstream]\nmodel = ''\n"
    environment = {"SHERPA_BRIDGE_WORKERS": "many", "SHERPA_BRIDGE_ALLOW_ORIGIN": "*, app.test, https://app.test"}
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, toml, environment, port=70000)
    places = {
        "--port": "from 0 to 65535, but is 70000",
        "sherpa.toml, [bridge] max_sessions": "from 1 to 1000000",
        "SHERPA_BRIDGE_WORKERS": "a whole number",
        "SHERPA_BRIDGE_ALLOW_ORIGIN: '*'": "wildcard",
        "SHERPA_BRIDGE_ALLOW_ORIGIN: 'app.test'": "is not an origin",
        "sherpa.toml, [bridge] locked": "did you mean model",
        "sherpa.toml, [bridge] host": "--client-token-env",
        "sherpa.toml, [bridge] tls_cert": "requires --tls-key",
        "sherpa.toml, [upstream] model": "is empty",
    }
    lines = {place: next(line for line in caught.value.lines if place in line) for place in places}
    assert [place for place, words in places.items() if words not in lines[place]] == []
    assert len(caught.value.lines) == len(places)


def test_an_unknown_variable_is_a_warning_and_changes_nothing(tmp_path: Path) -> None:
    settings = read(tmp_path, environment={"SHERPA_BRIDGE_PROT": "1", "SHERPA_OTHER": "1"})
    [warning] = settings.warnings
    assert warning.startswith("SHERPA_BRIDGE_PROT is not a setting; did you mean SHERPA_BRIDGE_PORT")
    assert settings.port == 8765


def test_variables_that_kubernetes_sets_for_a_service_are_ignored(tmp_path: Path) -> None:
    environment = {
        "SHERPA_BRIDGE_PORT": "tcp://10.0.0.7:8765",
        "SHERPA_BRIDGE_SERVICE_HOST": "10.0.0.7",
        "SHERPA_BRIDGE_SERVICE_PORT": "8765",
        "SHERPA_BRIDGE_SERVICE_PORT_HTTP": "8765",
        "SHERPA_BRIDGE_PORT_8765_TCP": "tcp://10.0.0.7:8765",
        "SHERPA_BRIDGE_PORT_8765_TCP_ADDR": "10.0.0.7",
    }
    settings = read(tmp_path, "[bridge]\nport = 9000\n", environment)
    assert (settings.port, settings.warnings) == (9000, ())


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:9090", "127.0.0.1", 9090), ("[::1]:0", "::1", 0), ("localhost:1", "localhost", 1)],
)
def test_the_admin_listener_is_a_host_and_a_port(tmp_path: Path, text: str, host: str, port: int) -> None:
    admin = read(tmp_path, admin_listen=text).admin
    assert admin is not None
    assert (admin.host, admin.port, admin.token) == (host, port, None)


@pytest.mark.parametrize("text", ["9090", ":9090", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_admin_listener_that_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=f"--admin-listen: '{text}' is not HOST:PORT"):
        read(tmp_path, admin_listen=text)


def test_beyond_loopback_the_admin_listener_needs_a_token(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 is reachable from other machines, and metrics need no token"):
        read(tmp_path, admin_listen="0.0.0.0:9090")
    assert read(tmp_path, admin_listen="0.0.0.0:9090", allow_anonymous=True).admin is not None
    admin = read(tmp_path, environment={"A": TOKEN}, admin_listen="0.0.0.0:9090", admin_token_env="A").admin
    assert admin is not None
    assert admin.token is not None
    with pytest.raises(ConfigError, match="--admin-token-env: requires admin_listen"):
        read(tmp_path, environment={"A": TOKEN}, admin_token_env="A")


def test_the_folder_of_used_tickets_must_be_there(tmp_path: Path) -> None:
    assert read(tmp_path, used_tickets_dir=str(tmp_path)).clients.used_tickets_dir == str(tmp_path)
    with pytest.raises(ConfigError, match="is not a folder in which the bridge may write"):
        read(tmp_path, used_tickets_dir=str(tmp_path / "missing"))


def test_a_reload_cannot_take_away_the_client_token(tmp_path: Path) -> None:
    environment = {"OPENAI_API_KEY": KEY, "CLIENT_TOKEN": "t" * 20}
    asks = read(tmp_path, '[bridge]\nclient_token_env = "CLIENT_TOKEN"\n', environment)
    (tmp_path / "sherpa.toml").unlink(missing_ok=True)
    asks_nobody = read(tmp_path, "", environment)
    with pytest.raises(ConfigError, match="can't take away the client token"):
        asks.reloaded(asks_nobody)
    assert asks_nobody.reloaded(asks).clients.token is not None
    assert asks.reloaded(asks) == asks
