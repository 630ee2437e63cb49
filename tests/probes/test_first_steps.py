"""The pages that commands show without arguments, as a whole, at 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.server.first_steps import first_steps as bridge_first_steps
from bridge.simulator.first_steps import first_steps as simulator_first_steps
from loadtests.first_steps import first_steps as load_first_steps
from probes.first_steps import first_steps
from reports.first_steps import FirstSteps, render_first_steps

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-proj-4hT7kQ2mX9vB3nR8pL6wZ1yC5sD0fG"

WITHOUT_KEY = """
Found here
  settings   no sherpa.toml in this folder
  service    https://api.openai.com/v1
  model      gpt-realtime-2.1
  API key    none: OPENAI_API_KEY is not set
  proxy      none
  bridge     nothing listens at 127.0.0.1:8765

Next
  sherpa-probe access --simulate   shows a check, against a simulator: no key,
                                   no network
  sherpa-probe access --simulate no-quota
                                   shows what a failure looks like
  export OPENAI_API_KEY=sk-...     then sherpa-probe access checks your key
  sherpa-probe bridge --url URL    checks your bridge, end to end
  sherpa-probe lint PATH           finds known mistakes in source code
  sherpa-probe explain CODE        says what an error or close code means: 4000,
                                   1013
  sherpa-probe --help              lists all commands
"""

WITH_KEY = """
Found here
  settings   sherpa.toml in this folder
  service    https://example.openai.azure.com/openai/v1, from sherpa.toml,
             [upstream] base_url
  model      gpt-realtime-2.1
  API key    present, in OPENAI_API_KEY (not shown)
  proxy      proxy.corp:3128, for example.openai.azure.com
  bridge     something listens at 127.0.0.1:8765

Next
  sherpa-probe access         checks key, model and network, and opens a session
  sherpa-probe events --script audio
                              speaks a sentence, and checks each event
  sherpa-probe bridge --url ws://127.0.0.1:8765
                              checks your bridge, end to end
  sherpa-probe lint PATH      finds known mistakes in source code
  sherpa-probe explain CODE   says what an error or close code means: 4000, 1013
  sherpa-probe --help         lists all commands
"""

BRIDGE_WITH_KEY_BESIDE_ANOTHER = """
Found here
  settings   no sherpa.toml in this folder
  service    https://api.openai.com/v1
  model      gpt-realtime-2.1
  API key    present, in OPENAI_API_KEY (not shown)
  port       something listens at 127.0.0.1:8765

Next
  sherpa-bridge serve --port 0    serves voice clients, SDKs and a web page
  sherpa-bridge serve --simulate --port 0
                                  needs no key: a simulator is behind it
  sherpa-bridge check-config      shows the settings that serve would use
  sherpa-probe bridge --url URL   checks a running bridge, end to end
  sherpa-bridge --help            lists all commands
"""

SIMULATOR = """
Found here
  port   nothing listens at 127.0.0.1:8766

Next
  sherpa-sim serve    serves a Realtime API until Ctrl-C; any key that starts
                      with sk- works
  sherpa-sim serve --scenario no-quota
                      the same, with a failure for every client
  sherpa-sim list     lists scenarios and faults
  export OPENAI_BASE_URL=http://127.0.0.1:8766/v1
                      points SDKs there
  sherpa-sim --help   lists all commands
"""


def page(steps: FirstSteps) -> str:
    """The page at 80 columns, without its first line: that holds versions."""
    return render_first_steps(steps, 80).partition("\n")[2]


def nothing(_: int) -> bool:
    return False


def everything(_: int) -> bool:
    return True


def test_a_newcomer_without_a_key_is_led_to_the_simulator(tmp_path: Path) -> None:
    assert page(first_steps({}, tmp_path, nothing)) == WITHOUT_KEY


def test_what_is_there_is_named_and_the_commands_fit_it(tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text('[upstream]\nbase_url = "https://example.openai.azure.com/openai/v1"\n')
    environment = {"OPENAI_API_KEY": KEY, "HTTPS_PROXY": "http://user:hunter2@proxy.corp:3128"}
    assert page(first_steps(environment, tmp_path, everything)) == WITH_KEY


def test_the_bridge_takes_another_port_if_its_own_is_in_use(tmp_path: Path) -> None:
    shown = page(bridge_first_steps({"OPENAI_API_KEY": KEY}, tmp_path, everything))
    assert shown == BRIDGE_WITH_KEY_BESIDE_ANOTHER


def test_the_simulator_says_how_to_point_a_client_at_it() -> None:
    assert page(simulator_first_steps(nothing)) == SIMULATOR


def test_load_tests_name_the_bridge_that_listens_here() -> None:
    shown = page(load_first_steps(everything))
    assert "sherpa-load capacity --target ws://127.0.0.1:8765\n" in shown
    assert "pip install" not in shown


@pytest.mark.parametrize("steps", [first_steps, bridge_first_steps])
def test_wrong_settings_are_shown_with_the_command_that_explains_them(steps: object, tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text('[upstream]\nmodle = "gpt-realtime-2.1"\n')
    assert callable(steps)
    shown = page(steps({"OPENAI_API_KEY": KEY}, tmp_path, nothing))
    assert "did you mean model" in " ".join(shown.split())
    assert "config" in shown.partition("Next\n")[2].splitlines()[0]


@pytest.mark.parametrize("steps", [first_steps, bridge_first_steps])
@pytest.mark.parametrize("key", [KEY, "undefined", f" {KEY}", "sk-...", "$OPENAI_API_KEY"])
def test_no_key_and_no_part_of_it_is_ever_shown(steps: object, key: str, tmp_path: Path) -> None:
    assert callable(steps)
    shown = page(steps({"OPENAI_API_KEY": key}, tmp_path, nothing))
    assert not any(part in shown for part in (KEY, KEY[:12], KEY[-6:]))
    assert "none: " not in shown


def test_what_looks_like_no_key_is_a_warning(tmp_path: Path) -> None:
    shown = page(first_steps({"OPENAI_API_KEY": "undefined"}, tmp_path, nothing))
    assert "looks like a missing value converted to text, not like a key" in " ".join(shown.split())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_page_keeps_its_width(width: int, tmp_path: Path) -> None:
    lines = render_first_steps(first_steps({}, tmp_path, nothing), width).splitlines()
    commands = ("  sherpa-", "  export ")
    assert [line for line in lines if len(line) > width and not line.startswith(commands)] == []
    assert max(map(len, lines)) <= max(width, 80)


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    shown = page(first_steps({"HTTPS_PROXY": "socks5://user:hunter2@proxy.corp:1080"}, tmp_path, nothing))
    assert "socks5:// proxies are not supported" in shown
    assert "hunter2" not in shown
