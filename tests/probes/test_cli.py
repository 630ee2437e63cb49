"""The command as users and scripts see it: exit codes, one JSON document in every case, fast help."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from probes.cli import cli, main
from probes.explain import explain
from probes.runner.registry import PROBES

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); from probes.cli import main; main()"]
KEY = "sk-proj-0123456789abcdefghijKLMN"


@pytest.fixture
def sherpa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("OPENAI_", "COLUMNS")) or n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    def run(*words: str, key: str = "") -> tuple[int, str, str]:
        if key:
            monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Run the command as a process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([*PROGRAM, str(ROOT), *words], **pipes)


def test_a_healthy_service_is_a_page_and_exit_code_0(sherpa: Any) -> None:
    code, out, err = sherpa("access", "--simulate")
    assert (code, err) == (0, "")
    assert re.search(r"8 passed in \d\.\d\d s +exit 0\n$", out)


def test_a_rehearsed_refusal_names_the_place_where_keys_are_kept(sherpa: Any) -> None:
    code, out, _ = sherpa("access", "--simulate", "invalid-key")
    assert code == 1
    assert "put a valid key in OPENAI_API_KEY" in " ".join(out.split())


def test_an_empty_path_is_not_the_folder_here(sherpa: Any, tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text('headers = {"OpenAI-Beta": "realtime=v1", "a": "b"}\n')
    code, out, err = sherpa("lint", "--fix", "")
    assert (code, out) == (2, "")
    assert "write . for the current folder" in " ".join(err.split())
    assert "OpenAI-Beta" in source.read_text()


def test_the_simulator_is_reached_whatever_proxy_the_environment_names(
    sherpa: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    code, out, _ = sherpa("access", "--simulate")
    assert code == 0, out


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_neither_key_nor_minted_secret_is_shown_anywhere(sherpa: Any, tmp_path: Path, form: list[str]) -> None:
    _, out, err = sherpa("access", "--simulate", "good", "--auth", "all", "-v", "--report", "json=r.json", *form)
    everything = out + err + (tmp_path / "r.json").read_text()
    assert "POST" in err  # the log of the REST calls is part of what is looked at
    assert "sk-scenario-good" not in everything
    assert re.findall(r"ek_\w{8,}", everything) == []


def test_a_failed_check_is_exit_code_1(sherpa: Any) -> None:
    code, out, _ = sherpa("access", "--simulate", "invalid-key")
    assert code == 1
    assert "ACCESS-KEY-REFUSED" in out


def test_an_unreachable_target_is_exit_code_3(sherpa: Any) -> None:
    code, out, _ = sherpa("access", "--base-url", "http://127.0.0.1:1/v1", key=KEY)
    assert code == 3
    assert "ACCESS-NOTHING-LISTENING" in out
    assert KEY not in out


def test_json_is_one_document_and_nothing_else(sherpa: Any) -> None:
    code, out, err = sherpa("access", "--simulate", "no-quota", "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert (document["tool"], document["exit_code"]) == ("sherpa-probe access", 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["access", "--nonsense"], "--nonsense"),
        (["acess"], "acess"),
        (["access", "extra"], "extra"),
        (["access", "--timeout", "soon"], "soon"),
        (["access", "--timeout", "0"], "--timeout"),
        (["access", "--simulate", "invalid-kee"], "did you mean invalid-key"),
        (["access", "--simulate", "--report", "papyrus=x"], "use one of: json"),
        (["access", "--simulate", "--report", "json=/no/where"], "can't write"),
        (["access"], "OPENAI_API_KEY is not set"),
        (["access", "--api-key-file", "/no/key"], "does not exist"),
        (["access", "--config", "/no/sherpa.toml"], "file not found"),
        (["access", "--simulate", "--dialect", "gaa"], "did you mean ga"),
        (["access", "--auth", "some"], "some"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr_or_one_document_and_exit_code_2(
    sherpa: Any, words: list[str], message: str
) -> None:
    code, out, err = sherpa(*words)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert max(map(len, err.splitlines())) <= 80
    assert err.startswith(f"sherpa-probe{' access' if words[0] == 'access' else ''}: ")
    code, out, err = sherpa(*words, "--json")
    document = json.loads(out)
    assert (code, document["exit_code"], document["verdict"], err) == (2, 2, "usage", "")
    assert message in document["findings"][0]["title"]
    assert explain(document["findings"][0]["code"])


def test_an_option_without_its_value_names_the_command(sherpa: Any) -> None:
    code, _, err = sherpa("access", "--auth")
    assert (code, err.splitlines()[-1]) == (2, "  sherpa-probe access --help")
    assert err.startswith("sherpa-probe access: Option '--auth' requires an argument")


@pytest.mark.parametrize("key", [KEY, "9f86d081884c7d659a2feaa0c55ad015"])
@pytest.mark.parametrize(
    "words",
    [
        ["access", "--api-key-env"],
        ["access", "--api-key-file"],
        ["access", "--dialect"],
        ["access", "--simulate"],
        ["access", "--report"],
        ["access", "--timeout"],
        ["access", "--auth"],
        ["access", "--config"],
        ["access", "--azure"],
        ["explain"],
        [],
    ],
)
def test_a_key_that_is_typed_in_a_wrong_place_is_not_repeated(sherpa: Any, key: str, words: list[str]) -> None:
    code, out, err = sherpa(*words, key, key=key)
    assert (code, out) == (2, "")
    assert not any(key[at : at + 12] in err for at in range(len(key) - 11))
    assert re.search(r"Don't put a key|looks like (the|a) key", " ".join(err.split()))
    code, out, err = sherpa(*words, key, "--json")
    assert not any(key[at : at + 12] in out + err for at in range(len(key) - 11))


def test_a_wrong_settings_file_is_exit_code_2(sherpa: Any, tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text("[upstream]\nmodle = 'x'\n")
    code, _, err = sherpa("access", "--simulate")
    assert code == 2
    assert "sherpa.toml" in err
    assert "did you mean model" in " ".join(err.split())
    (way,) = re.findall(r"To ignore that file: sherpa-probe (access --config \S+)", err)
    assert sherpa(*way.split(), "--simulate")[0] == 0


def test_without_a_command_the_first_steps_are_shown_and_the_exit_code_is_0(sherpa: Any) -> None:
    code, out, err = sherpa()
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if not line.startswith(" ")][1:] == ["", "Found here", "", "Next"]


def test_explain_and_config_are_documents_like_the_others(sherpa: Any) -> None:
    for words in (["explain", "401", "--json"], ["config", "--json"]):
        _, out, _ = sherpa(*words)
        assert out.startswith('{\n  "schema_version": 1,\n')
        assert json.loads(out)


def test_config_shows_the_simulator_when_it_is_asked_for(sherpa: Any) -> None:
    _, out, _ = sherpa("config", "--simulate", "no-quota", key=KEY)
    assert out.count("--simulate no-quota") == 2
    assert "api.openai.com" not in out
    assert sherpa("config", "--simulate", "no-quoota")[0] == 2


def in_shell(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the redirections of a shell: `"$@"` stands for it."""
    shell = ["sh", "-c", script, "sh", *PROGRAM, str(ROOT), *words]
    return subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ('exec "$@" >&-', "can't write the result: stdout is closed"),
        ('exec "$@" >/dev/full', "can't write the result: no space left on device"),
    ],
)
@pytest.mark.parametrize("words", [("access", "--simulate"), ("access", "--simulate", "--json"), ("explain", "401")])
def test_a_result_that_cannot_be_written_is_one_line_and_exit_code_3(
    script: str, why: str, words: tuple[str, ...]
) -> None:
    done = in_shell(script, *words)
    assert (done.returncode, done.stderr) == (3, f"sherpa-probe {words[0]}: {why}\n")


def test_help_that_cannot_be_written_is_exit_code_3_as_well() -> None:
    done = in_shell('exec "$@" >/dev/full', "--help")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)


@pytest.mark.parametrize("script", ['exec "$@" >&- 2>&-', 'exec "$@" >/dev/full 2>/dev/full', 'exec "$@" 2>&-'])
def test_without_stderr_there_is_still_an_exit_code(script: str) -> None:
    done = in_shell(script, "access", "--simulate", "-v")
    assert (done.returncode, done.stderr) == (3 if ">&- " in script or "full" in script else 0, "")


def test_a_report_that_finds_no_room_is_exit_code_2(tmp_path: Path) -> None:
    done = in_shell('ulimit -f 0; exec "$@"', "access", "--simulate", "--report", f"json={tmp_path}/r.json")
    assert done.returncode == 2
    assert "PROBE-REPORT-LOST" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_probe_has_its_command_and_answers_a_question(sherpa: Any) -> None:
    assert set(PROBES) <= set(cli.commands)
    for name, probe in PROBES.items():
        assert probe.question.endswith("?")
        assert probe.function.__name__ == name  # type: ignore[attr-defined] # it is a function
        code, out, _ = sherpa(name, "--help")
        assert code == 0
        assert {"--base-url", "--api-key-env", "--api-key-file", "--simulate", "--report", "--json", "--strict"} <= set(
            re.findall(r"--[a-z-]+", out)
        )


def test_the_first_screen_cuts_no_commands_question_off(sherpa: Any) -> None:
    _, page, _ = sherpa("--help")
    assert "..." not in page.partition("Commands:")[2]
    text = " ".join(page.split())
    assert all(" ".join((command.help or "").partition("\n\n")[0].split()) in text for command in cli.commands.values())


def test_an_unknown_scenario_leads_to_the_list_of_all(sherpa: Any) -> None:
    assert sherpa("access", "--simulate", "noquota")[2].splitlines()[-1] == "  To list the scenarios: sherpa-sim list"


@pytest.mark.parametrize("command", ["access", "models", "events", "bridge", "smoke", "watch", "config"])
@pytest.mark.parametrize("option", ["--base-url", "--api-key-env", "--api-key-file"])
def test_a_simulator_is_combined_with_no_other_server_or_key(sherpa: Any, command: str, option: str) -> None:
    code, out, err = sherpa(command, "--simulate", option, "http://127.0.0.1:9/v1")
    assert (code, out) == (2, "")
    assert f"it can't be combined with {option}" in " ".join(err.split())


@pytest.mark.parametrize("words", [("bridge", "--url"), ("events", "--bridge")])
def test_a_simulated_bridge_is_combined_with_no_other_bridge(sherpa: Any, words: tuple[str, ...]) -> None:
    code, _, err = sherpa(*words, "ws://127.0.0.1:9", "--simulate")
    assert code == 2
    assert "--simulate starts a bridge of its own" in " ".join(err.split())


def test_a_base_url_from_the_environment_does_not_disturb_a_simulator(
    sherpa: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert sherpa("access", "--simulate")[0] == 0


def test_settings_are_shown_and_not_reported(sherpa: Any) -> None:
    code, _, err = sherpa("config", "--report", "json=settings.json")
    assert code == 2
    assert "No such option '--report'" in err


def test_no_option_takes_a_key(sherpa: Any) -> None:
    assert "--api-key " not in sherpa("access", "--help")[1]


def test_the_version_is_shown(sherpa: Any) -> None:
    assert re.fullmatch(r"sherpa-probe \S+\n", sherpa("--version")[1])


def test_a_crash_is_a_report_and_never_a_traceback(sherpa: Any, tmp_path: Path) -> None:
    (tmp_path / "sherpa.toml").write_text("[upstream]\n" + "a = " + "[" * 5000)
    code, out, err = sherpa("access", "--simulate")
    assert code == 2
    assert "Traceback" not in out + err


def test_help_needs_nothing_heavy() -> None:
    heavy = ["trio", "httpx", "rich", "msgspec", "websockets", "bridge", "reports.model"]
    code = "import sys; sys.path.insert(0, sys.argv[1]); import probes.cli; print(*sys.modules)"
    words = [sys.executable, "-c", code, str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert [name for name in heavy if name in done.stdout.split()] == []


#: Seconds after its first own line at which a command is interrupted: from the imports to the middle of its run.
MOMENTS = [0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0]
HELD = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import probes.runner.early_interrupts; "
    "print('held', file=sys.stderr, flush=True)"
)


def interrupted(
    moment: float,
    *words: str,
    times: int = 1,
    by: signal.Signals = signal.SIGINT,
    under_way: Callable[[], bool] = lambda: True,
) -> tuple[int, str, str]:
    """Start the command, interrupt it after it has started, and return how it ended."""
    program = [sys.executable, "-c", f"{HELD}; from probes.cli import main; main()", str(ROOT), *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        while process.poll() is None and not under_way():
            time.sleep(0.02)
        for _ in range(times):
            process.send_signal(by)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_sigterm_writes_the_report_and_leaves_no_draft(tmp_path: Path) -> None:
    report, capture = tmp_path / "report.json", tmp_path / "capture"
    words = ("events", "--simulate", "mute", "--report", f"json={report}", "--capture", str(capture))
    code, _, _ = interrupted(1.0, *words, by=signal.SIGTERM, under_way=lambda: len(list(tmp_path.iterdir())) > 1)
    assert code == 130
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert json.loads(report.read_text())["verdict"] == "interrupted"


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_at_any_moment_ends_with_130_and_one_document(moment: float) -> None:
    code, out, err = interrupted(moment, "access", "--simulate", "never-created", "--json", "--timeout", "60")
    document = json.loads(out)
    assert (code, document["exit_code"], document["verdict"]) == (130, 130, "interrupted")
    assert document["findings"][-1]["code"] == "PROBE-INTERRUPTED"
    assert err.strip() == ""


@pytest.mark.parametrize("moment", [0.0, 0.7])
def test_an_interrupt_without_json_is_reported_as_text(moment: float) -> None:
    code, out, err = interrupted(moment, "access", "--simulate", "never-created", "--timeout", "60")
    assert code == 130
    assert "Interrupted before the end" in out + err
    assert "Traceback" not in out + err


def test_an_interrupt_ends_the_wait_for_a_key_that_never_comes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    code, out, _ = interrupted(0.7, "access", "--api-key-file", str(tmp_path / "key"), "--json")
    assert (code, json.loads(out)["verdict"]) == (130, "interrupted")


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with start("access", "--simulate", "invalid-key", stdout=writer) as process:
        os.close(writer)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


def test_completion_is_bound_to_the_command_s_name() -> None:
    environment = {**os.environ, "_SHERPA_PROBE_COMPLETE": "bash_source"}
    with start(env=environment) as process:
        out, _ = process.communicate(timeout=60)
    assert "sherpa-probe" in out
    assert "_SHERPA_PROBE_COMPLETE=bash_complete" in out
