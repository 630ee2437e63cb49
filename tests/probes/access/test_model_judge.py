"""The finding for a model, by the server's list and the catalogue, on a given date."""

from __future__ import annotations

from datetime import date

import pytest

from probes.access.model_judge import ModelCandidate, judge_model
from probes.runner.findings import CheckRow
from reports.model import Finding, Severity

DAY = date(2026, 11, 20)
LIST: dict[str, date | None] = {
    "gpt-realtime-2.1": None,
    "gpt-realtime": date(2027, 1, 20),
    "gpt-realtime-2.1-mini": None,
    "gpt-live-transcribe": None,
    "gpt-5.2": None,
}


def judged(name: str, listed: dict[str, date | None] | None = None, day: date = DAY, **more: bool | str) -> Finding:
    return judge_model(ModelCandidate(name=name, today=day, listed=listed, **more), CheckRow("access", "model"))  # type: ignore[arg-type] # any field


def test_a_current_model_that_is_listed_passes() -> None:
    finding = judged("gpt-realtime-2.1", LIST)
    assert (finding.severity, finding.title) == (Severity.PASS, "listed for this project")


@pytest.mark.parametrize(
    ("day", "severity"),
    [
        (date(2026, 11, 20), Severity.PASS),
        (date(2026, 11, 21), Severity.WARNING),
        (date(2026, 11, 22), Severity.WARNING),
        (date(2027, 1, 19), Severity.WARNING),
        (date(2027, 1, 20), Severity.FAIL),
    ],
)
def test_a_model_that_goes_warns_from_sixty_days_on_and_fails_on_the_day(day: date, severity: Severity) -> None:
    assert judged("gpt-realtime", LIST, day).severity is severity


def test_the_days_left_are_shown() -> None:
    assert judged("gpt-realtime", LIST).title.endswith("retires 2027-01-20 (in 61 days)")
    assert judged("gpt-realtime", LIST, date(2027, 1, 19)).evidence[0].value.endswith("(in 1 day)")


def test_the_server_s_date_wins_over_the_catalogue_s() -> None:
    assert judged("gpt-realtime", {"gpt-realtime": date(2026, 11, 25)}).code == "ACCESS-MODEL-RETIRES-SOON"
    assert judged("gpt-4o-realtime-preview", {"gpt-4o-realtime-preview": date(2027, 6, 1)}).severity is Severity.PASS


@pytest.mark.parametrize("listed", [None, LIST, {"gpt-4o-realtime-preview": None}])
def test_a_retired_model_fails_and_names_its_replacement(listed: dict[str, date | None] | None) -> None:
    finding = judged("gpt-4o-realtime-preview", listed)
    assert finding.code == "ACCESS-MODEL-RETIRED"
    assert "sherpa-probe access --model gpt-realtime-2.1" in finding.fix
    assert "2026-05-07" in finding.title


def test_elsewhere_a_retired_name_may_live_on() -> None:
    assert (
        judged("gpt-4o-realtime-preview", {"gpt-4o-realtime-preview": None}, public_api=False).severity is Severity.PASS
    )
    assert judged("gpt-4o-realtime-preview", None, beta=True).severity is Severity.SKIPPED


@pytest.mark.parametrize("name", ["gpt-live-transcribe", "whisper-1", "gpt-realtime-translate", "gpt-live-1"])
def test_a_model_of_another_socket_fails_with_the_right_place_for_it(name: str) -> None:
    finding = judged(name, LIST)
    assert finding.code == "ACCESS-MODEL-WRONG-SOCKET"
    assert "--model gpt-realtime-2.1" in finding.fix


def test_a_mistyped_name_gets_the_nearest_one() -> None:
    finding = judged("gpt-realtime-2.1-mni", LIST)
    assert finding.code == "ACCESS-MODEL-NOT-LISTED"
    assert finding.fix == "sherpa-probe access --model gpt-realtime-2.1-mini"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gpt-realtime-typo", "gpt-realtime-2.1"),
        ("gpt-realtime-2.l", "gpt-realtime-2.1"),
        ("gpt-realtime-1.4", "gpt-realtime-1.5"),
        ("GPT-Realtime-2.1-Mini ", "gpt-realtime-2.1-mini"),
        ("something-else", "gpt-realtime-2.1"),
    ],
)
def test_of_equally_near_names_the_newest_current_one_is_proposed(typed: str, meant: str) -> None:
    listed = dict.fromkeys(["gpt-realtime-2", "gpt-realtime-1.5", "gpt-realtime", *LIST])
    assert judged(typed, listed).fix == f"sherpa-probe access --model {meant}"


def test_the_realtime_models_that_the_key_may_use_are_shown_best_first() -> None:
    (evidence,) = judged("gpt-realtime-2.1", {**LIST, "gpt-realtime-9": None}).evidence
    assert evidence.label == "realtime models"
    assert evidence.value == "gpt-realtime-2.1, gpt-realtime-2.1-mini, gpt-realtime-9, gpt-realtime"


def test_a_known_model_in_a_list_without_realtime_models_means_no_access() -> None:
    assert judged("gpt-realtime-2.1", {"gpt-5.2": None}).code == "ACCESS-NO-REALTIME-MODELS"


def test_a_name_of_its_own_on_a_server_without_realtime_names_goes_on() -> None:
    assert judged("my-pipeline", {"whisper": None}).severity is Severity.INFO


def test_without_a_list_the_row_is_skipped_since_the_model_may_not_exist() -> None:
    finding = judged("gpt-realtime-2.1", None, no_list_reason="why")
    assert (finding.severity, finding.title) == (Severity.SKIPPED, "skipped: why; sherpa-probe knows the name")
    assert judged("gpt-realtime", None, date(2026, 12, 20), no_list_reason="why").code == "ACCESS-MODEL-RETIRES-SOON"
    finding = judged("my-pipeline", None, no_list_reason="this server lists no models")
    assert finding.severity is Severity.SKIPPED
    assert "this server lists no models" in finding.title


def test_on_azure_the_name_is_a_deployment() -> None:
    assert judged("gpt-4o-realtime-preview", None, azure=True).severity is Severity.SKIPPED


@pytest.mark.parametrize("listed", [LIST, {"gpt-5.2": None}])
def test_where_a_session_is_tried_next_a_missing_model_is_only_a_warning(listed: dict[str, date | None]) -> None:
    finding = judged("gpt-realtime-1.5", listed, socket_decides=True)
    assert finding.severity is Severity.WARNING
    assert finding.code == judged("gpt-realtime-1.5", listed).code
    assert finding.cause.startswith("The list may be incomplete")
    assert judged("whisper-1", LIST, socket_decides=True).severity is Severity.FAIL
    assert judged("gpt-4o-realtime-preview", LIST, socket_decides=True).severity is Severity.FAIL
