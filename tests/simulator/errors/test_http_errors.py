from __future__ import annotations

import pytest
import trio
import trio.testing

from bridge.simulator.errors.http_errors import GATEWAY_PAGE, HTTP_ERRORS, azure_error, error_for_status, gateway_page
from bridge.simulator.errors.service_errors import REST_STATUS, SERVICE_ERRORS
from bridge.simulator.faults.base import ApiEndpoint, ClientAttempt, HttpRefusal
from bridge.simulator.faults.registry import FaultError, parse_fault
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings


def answer(
    fault: str, endpoint: ApiEndpoint = ApiEndpoint.SOCKET, *, azure: bool = False, attempt: int = 1
) -> HttpRefusal | None:
    answered = parse_fault(fault).refuse(ClientAttempt(endpoint=endpoint, number=attempt, is_azure=azure))
    assert answered is None or isinstance(answered, HttpRefusal)
    return answered


@pytest.mark.parametrize("selected", HTTP_ERRORS)
def test_every_error_can_be_combined_with_any_status(selected: str) -> None:
    answered = answer(f"http:status=418,says={selected}")
    assert answered is not None
    assert (answered.status, answered.error) == (418, HTTP_ERRORS[selected])


def test_an_unknown_error_is_rejected_with_a_list_of_those_there_are() -> None:
    with pytest.raises(FaultError, match=r"says takes one of page, invalid_api_key.*not 'no_such_code'"):
        parse_fault("http:says=no_such_code")


def test_a_status_that_the_service_does_not_give_comes_from_a_gateway() -> None:
    assert error_for_status(502, "") is None
    assert error_for_status(401, GATEWAY_PAGE) is None
    assert error_for_status(401, "") == SERVICE_ERRORS["invalid_api_key"]


@pytest.mark.parametrize(("status", "phrase"), [(502, b"502 Bad Gateway"), (525, b"525 Unknown Error")])
def test_a_page_is_html_and_holds_no_error_object(status: int, phrase: bytes) -> None:
    headers, body = gateway_page(status)
    assert dict(headers)["content-type"] == "text/html"
    assert phrase in body
    assert b"{" not in body


@pytest.mark.parametrize(("status", "leads"), [(299, False), (302, True), (308, True), (400, False)])
def test_only_a_redirect_has_a_location(status: int, *, leads: bool) -> None:
    assert ("location" in dict(gateway_page(status)[0])) is leads


@pytest.mark.parametrize(
    ("code", "azure_code"),
    [
        ("invalid_api_key", "401"),
        ("no_credential", "401"),
        ("invalid_model", "OpperationNotSupported"),
        ("model_not_found", "DeploymentNotFound"),
        ("rate_limit_exceeded", "429"),
        ("insufficient_quota", "insufficient_quota"),
    ],
)
def test_azure_words_some_refusals_differently(code: str, azure_code: str) -> None:
    assert azure_error(REST_STATUS[code], SERVICE_ERRORS[code]).code == azure_code
    answered = answer(f"refuse:code={code}", azure=True)
    assert answered is not None
    assert answered.error is not None
    assert (answered.status, answered.error.code) == (REST_STATUS[code], azure_code)


def test_an_error_selected_by_name_is_sent_on_azure_too() -> None:
    answered = answer("http:status=401,says=invalid_api_key", azure=True)
    assert answered is not None
    assert answered.error == SERVICE_ERRORS["invalid_api_key"]


@pytest.mark.parametrize("name", ["http", "refuse"])
@pytest.mark.parametrize("endpoint", ApiEndpoint)
def test_all_means_every_endpoint(name: str, endpoint: ApiEndpoint) -> None:
    assert answer(f"{name}:on=all", endpoint, azure=True) is not None
    others = "+".join(other for other in ApiEndpoint if other is not endpoint)
    assert answer(f"{name}:on={others}", endpoint, azure=True) is None


@pytest.mark.parametrize("name", ["http", "refuse"])
def test_times_limits_the_refusals(name: str) -> None:
    attempts = [answer(f"{name}:on=mint,times=3", ApiEndpoint.MINT, attempt=number) for number in range(1, 6)]
    assert [found is not None for found in attempts] == [True, True, True, False, False]


def test_retry_after_is_written_in_digits() -> None:
    for fault, shown in (("retry-after=1000000", "1000000"), ("retry-after=0.5", "0.5"), ("retry-after=20", "20")):
        answered = answer(f"http:{fault}")
        assert answered is not None
        assert answered.headers == (("retry-after", shown),)


@pytest.mark.parametrize("says", ["", "page", "invalid_api_key"])
async def test_every_status_can_be_sent(says: str) -> None:
    """With real bytes, since a body after 204 or 304 would be an error."""
    with trio.fail_after(60):
        for status in range(200, 600):
            simulator = Simulator(Settings(faults=(parse_fault(f"http:status={status},on=models,says={says}"),)))
            ours, theirs = trio.testing.memory_stream_pair()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(simulator.serve_stream, theirs)
                await ours.send_all(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-1\r\n\r\n")
                answered = await ours.receive_some()
                await ours.aclose()
            assert answered.startswith(b"HTTP/1.1 %d " % status)
