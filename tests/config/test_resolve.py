"""Precedence and source of each setting, and a one-line message for each mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Config, ConfigError, DialectChoice, Flags, read_config
from bridge.protocol.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"
ENVIRONMENT = {"OPENAI_API_KEY": KEY}


def config(
    folder: Path, toml: str = "", flags: Flags | None = None, environment: dict[str, str] | None = None
) -> Config:
    if toml:
        (folder / "sherpa.toml").write_text(toml)
    return read_config(flags or Flags(), ENVIRONMENT if environment is None else environment, folder)


def refusal(folder: Path, toml: str = "", flags: Flags | None = None, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        config(folder, toml, flags, environment)
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return message


def test_without_settings_the_defaults_apply_and_are_named_as_source(tmp_path: Path) -> None:
    found = config(tmp_path)
    assert (found.base_url.value, found.base_url.source) == ("https://api.openai.com/v1", "default")
    assert (found.model.value, found.model.source) == (DEFAULT_MODEL, "default")
    assert found.dialect.value is DialectChoice.AUTO
    assert found.timeout.value == 10.0
    assert found.api_key.value is not None
    assert found.api_key.value.reveal() == KEY
    assert found.api_key.source == "OPENAI_API_KEY"


def test_options_take_precedence_over_environment_file_and_default(tmp_path: Path) -> None:
    toml = '[upstream]\nbase_url = "https://file/v1"\norganization = "org-file"\nmodel = "m-file"\n'
    environment = ENVIRONMENT | {"OPENAI_BASE_URL": "https://env/v1", "OPENAI_ORG_ID": "org-env"}
    found = config(tmp_path, toml, Flags(base_url="https://flag/v1"), environment)
    assert (found.base_url.value, found.base_url.source) == ("https://flag/v1", "--base-url")
    assert (found.organization.value, found.organization.source) == ("org-env", "OPENAI_ORG_ID")
    assert (found.model.value, found.model.source) == ("m-file", "sherpa.toml, [upstream] model")
    assert (found.project.value, found.project.source) == (None, "default")


def test_blank_variables_count_as_not_set(tmp_path: Path) -> None:
    found = config(tmp_path, environment=ENVIRONMENT | {"OPENAI_BASE_URL": "  ", "OPENAI_PROJECT_ID": ""})
    assert found.base_url.source == "default"
    assert found.project.value is None


def test_every_setting_of_the_file_is_read(tmp_path: Path) -> None:
    toml = """
[upstream]
api_key_env = "STAGING_KEY"
project = "proj_1"
azure = true
dialect = "beta"
headers = { OpenAI-Beta = "realtime=v1", Authorization = "Basic dXNlcjpwYXNz" }
[probe]
timeout = 3
"""
    found = config(tmp_path, toml, environment={"STAGING_KEY": KEY, "OPENAI_API_KEY": "sk-another-one-entirely"})
    assert found.api_key.value is not None
    assert found.api_key.value.reveal() == KEY
    assert found.api_key.source == "STAGING_KEY, named by sherpa.toml, [upstream] api_key_env"
    assert (found.azure.value, found.dialect.value, found.timeout.value) == (True, DialectChoice.BETA, 3.0)
    assert found.headers.value[0] == ("OpenAI-Beta", "realtime=v1")
    assert found.headers.source == "sherpa.toml, [upstream.headers]"
    assert [secret.reveal() for secret in found.secrets()] == [KEY, "Basic dXNlcjpwYXNz"]
    assert KEY not in repr(found)


def test_an_option_overrides_azure_in_the_file(tmp_path: Path) -> None:
    assert config(tmp_path, "[upstream]\nazure = true\n", Flags(azure=False)).azure.value is False


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[upstream]\nbase_ulr = 'x'\n", ["sherpa.toml", "[upstream]", "'base_ulr'", "did you mean base_url?"]),
        ("[upsteam]\n", ["sherpa.toml", "'upsteam'", "did you mean upstream?"]),
        ("zebra = 1\n", ["'zebra'", "use one of: upstream, probe"]),
        ("model = 'x'\n", ["'model'", "belongs in the table [upstream]"]),
        ("upstream = 3\n", ["'upstream' must be a table"]),
        ("[upstream]\nmodel = 3\n", ["[upstream] model", "must be a string in quotes, but is a number"]),
        ("[upstream]\nazure = 'yes'\n", ["[upstream] azure", "must be true or false, but is a string"]),
        ("[probe]\ntimeout = true\n", ["[probe] timeout", "must be a number, but is true or false"]),
        ("[probe]\ntimeout = 2026-01-01\n", ["but is a date or time"]),
        ("[upstream.headers]\nX-One = 1\n", ["[upstream] headers", "one where 'X-One' is a number"]),
        ("[upstream]\napi_key = 'sk-proj-x'\n", ["[upstream] api_key", "api_key_env or api_key_file"]),
        ("[upstream\n", ["not valid TOML", "line 1"]),
        ("[upstream]\ndialect = 'gaa'\n", ["'gaa'", "did you mean ga?"]),
        ("[upstream]\nmodel = '  '\n", ["[upstream] model", "is empty"]),
        ('[upstream.headers]\n"Bad Name" = "x"\n', ["'Bad Name' is not a valid header name"]),
        ('[upstream.headers]\nX-One = "a\\r\\nEvil: 1"\n', ["X-One", "line break"]),
        ("[probe]\ntimeout = 0\n", ["[probe] timeout", "more than 0"]),
        ("[probe]\ntimeout = inf\n", ["[probe] timeout", "more than 0"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_place(tmp_path: Path, toml: str, words: list[str]) -> None:
    message = refusal(tmp_path, toml)
    assert [word for word in words if word not in message] == []


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_bytes(b"\xef\xbb\xbf[upstream]\nmodel = 'm'\n")
    assert config(tmp_path).model.value == "m"


@pytest.mark.parametrize(
    ("content", "words"), [(b"\xff\xfe\x00", "not UTF-8"), (b"#" * 300_000, "larger than 256 KiB")]
)
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "sherpa.toml").write_bytes(content)
    assert words in refusal(tmp_path)


def test_a_named_file_must_exist_and_is_named_as_it_was_given(tmp_path: Path) -> None:
    missing = tmp_path / "else.toml"
    assert "file not found" in refusal(tmp_path, flags=Flags(config=missing))
    missing.write_text("[upstream]\nmodel = 'm'\n")
    found = config(tmp_path, flags=Flags(config=missing))
    assert found.model.source == f"{missing}, [upstream] model"
    assert "directory" in refusal(tmp_path, flags=Flags(config=tmp_path))


def test_a_key_file_is_found_beside_the_settings_file_that_names_it(tmp_path: Path) -> None:
    home = tmp_path / "project"
    home.mkdir()
    (home / "sherpa.toml").write_text('[upstream]\napi_key_file = "key.txt"\n')
    (home / "key.txt").write_text(KEY + "\n")
    found = config(home, environment={})
    assert found.api_key.value is not None
    assert found.api_key.value.reveal() == KEY


def test_a_key_option_takes_precedence_over_the_file(tmp_path: Path) -> None:
    found = config(tmp_path, '[upstream]\napi_key_file = "no.txt"\n', Flags(api_key_env="OPENAI_API_KEY"))
    assert found.api_key.source == "OPENAI_API_KEY, named by --api-key-env"


def test_two_places_for_one_key_are_refused(tmp_path: Path) -> None:
    assert "named twice" in refusal(tmp_path, flags=Flags(api_key_env="A", api_key_file="b"))
    assert "named twice" in refusal(tmp_path, '[upstream]\napi_key_env = "A"\napi_key_file = "b"\n')


def test_no_key_at_all_says_what_to_do(tmp_path: Path) -> None:
    message = refusal(tmp_path, environment={})
    assert "OPENAI_API_KEY is not set" in message
    assert "--api-key-file" in message
    assert "--simulate" in message
    assert "named by --api-key-env" in refusal(tmp_path, flags=Flags(api_key_env="NOPE"))


def test_a_broken_key_does_not_matter_where_none_is_needed(tmp_path: Path) -> None:
    found = read_config(Flags(api_key_file="/nowhere"), {}, tmp_path, with_key=False)
    assert found.api_key.value is None


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), 1e6])
def test_a_timeout_that_makes_no_sense_is_refused(tmp_path: Path, timeout: float) -> None:
    assert "--timeout" in refusal(tmp_path, flags=Flags(timeout=timeout))


def test_an_organization_that_no_header_can_carry_is_refused(tmp_path: Path) -> None:
    assert "OPENAI_ORG_ID" in refusal(tmp_path, environment=ENVIRONMENT | {"OPENAI_ORG_ID": "org\r\nX: y"})


@pytest.mark.parametrize("key", [KEY, "9f86d081884c7d659a2feaa0c55ad015"])
@pytest.mark.parametrize("option", ["api_key_env", "api_key_file"])
def test_a_key_given_in_place_of_its_location_is_not_repeated(tmp_path: Path, key: str, option: str) -> None:
    environment = {"OPENAI_API_KEY": key}
    by_flag = refusal(tmp_path, "", Flags(**{option: key}), environment)  # type: ignore[arg-type] # both are texts
    by_file = refusal(tmp_path, f'[upstream]\n{option} = "{key}"\n', environment=environment)
    for message in (by_flag, by_file):
        assert key[:12] not in message
        assert "looks like the key itself" in message
    assert by_flag.startswith(f"--{option.replace('_', '-')} takes ")


def test_a_file_that_is_named_like_a_key_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "sk-proj-of-2026"
    path.write_text(KEY)
    assert config(tmp_path, "", Flags(api_key_file=str(path))).api_key.value is not None


def test_a_key_in_place_of_a_dialect_is_not_repeated(tmp_path: Path) -> None:
    message = refusal(tmp_path, "", Flags(dialect=KEY))
    assert "takes auto, ga or beta, but was given what looks like a key" in message


def test_a_header_that_is_a_mere_word_does_not_garble_the_report(tmp_path: Path) -> None:
    found = config(tmp_path, '[upstream.headers]\nX-Mode = "realtime"\nX-Auth = "swordfish"\n')
    assert [secret.reveal() for secret in found.secrets()] == [KEY, "swordfish"]
    assert found.redacted_headers() == (("X-Mode", "…"), ("X-Auth", "…"))
