from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Flags
from probes.targets.config_view import as_json, read_settings, render, setting_rows

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-a-secret-that-must-not-be-seen-1234"


def shown(folder: Path, environment: dict[str, str]) -> tuple[str, str]:
    found = setting_rows(*read_settings(Flags(), environment, folder))
    return render(found), as_json(found)


def test_every_setting_is_shown_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text('[upstream]\nmodel = "gpt-realtime-2"\n')
    text, document = shown(tmp_path, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://proxy.example/v1"})
    settings_ = json.loads(document)["settings"]
    assert settings_["model"] == {"value": "gpt-realtime-2", "source": "sherpa.toml, [upstream] model"}
    assert settings_["base_url"]["source"] == "OPENAI_BASE_URL"
    assert settings_["timeout"]["source"] == "default"
    assert "https://proxy.example/v1" in text


def test_keys_and_credentials_in_headers_are_hidden(tmp_path: Path) -> None:
    toml = f'[upstream.headers]\nX-Api-Key = "{KEY}"\nX-Team = "sherpa"\n'
    (tmp_path / "sherpa.toml").write_text(toml)
    text, document = shown(tmp_path, {"OPENAI_API_KEY": KEY + "5"})
    assert KEY not in text + document
    assert "X-Team: sherpa" in text


@pytest.mark.parametrize(
    ("address", "shown_as"),
    [
        ("https://proxy.example/v1", "https://proxy.example/v1"),
        ("https://user:pass-word@proxy.example/v1", "https://…@proxy.example/v1"),
        ("user:pass@word@proxy.example/v1", "…@proxy.example/v1"),
        ("https://proxy.example/v1?code=pass-word&b=&pass-word", "https://proxy.example/v1?code=…&b=…&…"),
        ("https://proxy.example/@v1", "https://proxy.example/@v1"),
    ],
)
def test_an_address_that_holds_a_secret_is_shown_without_it(tmp_path: Path, address: str, shown_as: str) -> None:
    found = setting_rows(*read_settings(Flags(), {"OPENAI_BASE_URL": address}, tmp_path))
    assert {name: value for name, value, _ in found}["base_url"] == shown_as


def test_with_a_scenario_address_and_key_are_the_simulators(tmp_path: Path) -> None:
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://proxy.example/v1"}
    found = setting_rows(*read_settings(Flags(), environment, tmp_path, "no-quota"))
    shown = {name: (value, source) for name, value, source in found}
    assert shown["base_url"] == ("http://127.0.0.1:<free port>/v1", "--simulate no-quota")
    assert shown["api_key"][1] == "--simulate no-quota"
    assert KEY not in str(found)
    azure = {name: value for name, value, _ in setting_rows(*read_settings(Flags(azure=True), {}, tmp_path, "good"))}
    assert azure["base_url"].endswith("/openai/v1")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_sources_are_wrapped_within_the_page(tmp_path: Path, width: int) -> None:
    text = render(setting_rows(*read_settings(Flags(), {}, tmp_path)), width)
    assert max(len(line) for line in text.splitlines() if "https://" not in line) <= width
    assert "the environment variable" in " ".join(text.split())


def test_the_document_has_the_common_form(tmp_path: Path) -> None:
    _, document = shown(tmp_path, {})
    assert document.startswith('{\n  "schema_version": 1,\n  "settings": {\n')
    assert document.endswith("}\n")


def test_a_missing_key_is_explained_in_place_of_the_key(tmp_path: Path) -> None:
    text, document = shown(tmp_path, {})
    assert "OPENAI_API_KEY" in json.loads(document)["settings"]["api_key"]["source"]
    assert "OPENAI_API_KEY" in text


@pytest.mark.parametrize(
    "name", ["X-Auth", "X-Litellm-Auth", "X-Passwd", "X-Credential", "Ocp-Apim-Subscription", "X-Whatever", "Cookie"]
)
def test_the_value_of_a_header_is_hidden_unless_it_is_surely_harmless(tmp_path: Path, name: str) -> None:
    (tmp_path / "sherpa.toml").write_text(f'[upstream.headers]\n{name} = "swordfish"\nUser-Agent = "mine/1"\n')
    text, document = shown(tmp_path, {"OPENAI_API_KEY": KEY})
    assert "swordfish" not in text + document
    assert f"{name}: …, User-Agent: mine/1" in text


def test_a_credential_in_any_other_setting_is_hidden_by_its_shape(tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text(f'[upstream]\nmodel = "{KEY}"\nproject = "{KEY}"\n')
    text, document = shown(tmp_path, {"OPENAI_API_KEY": "another-one"})
    assert KEY not in text + document
