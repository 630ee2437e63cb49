"""The text form of faults, as on the command line."""

from __future__ import annotations

import pytest

from bridge.simulator.faults.registry import FAULTS, FaultError, describe_fault, parse_fault
from bridge.simulator.faults.session_faults import CreateFault, HttpFault, RefuseFault, StormFault
from bridge.simulator.faults.wire_faults import CloseFault, DropFault, LatencyFault


@pytest.mark.parametrize("name", FAULTS)
def test_a_described_fault_parses_to_the_same_fault(name: str) -> None:
    kind = FAULTS[name]
    assert parse_fault(describe_fault(kind)) == kind() == parse_fault(name)
    assert kind.summary
    assert kind.__doc__


def test_settings_are_parsed_to_their_types() -> None:
    assert parse_fault("close:at=audio,nth=5,code=4000,reason=bye") == CloseFault("audio", 5, 4000, "bye")
    assert parse_fault(" latency:ms=180,jitter=60.5 ") == LatencyFault(180.0, 60.5)
    assert parse_fault("http:status=429,on=mint+socket,retry-after=7") == HttpFault(429, "mint+socket", 7.0)
    assert parse_fault("refuse:on=all,times=2") == RefuseFault(on="all", times=2)
    assert parse_fault("storm:per-second=5") == StormFault(5)
    assert parse_fault("create:seconds=-1") == CreateFault(-1)
    assert parse_fault("drop:nth=" + "9" * 400) == DropFault(nth=int("9" * 400))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latncy", "unknown fault 'latncy': did you mean 'latency'?"),
        ("", "unknown fault ''; `sherpa-sim list` lists the faults"),
        ("storm:speed=5", "fault 'storm' takes per-second=…, not 'speed=5'"),
        ("storm:per-second", "fault 'storm' takes per-second=…, not 'per-second'"),
        ("storm:per-second=many", "fault 'storm': per-second takes a number, not 'many'"),
        ("latency:ms=nan", "fault 'latency': ms takes a number from 0 up, not 'nan'"),
        ("create:seconds=inf", "fault 'create': seconds takes a number up to 1000000, not 'inf'"),
        ("expire:seconds=-1", "fault 'expire': seconds takes a number from 0 to 1000000, not '-1'"),
        ("stall:seconds=-0.5", "fault 'stall': seconds takes a number from 0 to 1000000, not '-0.5'"),
        ("expire:seconds=1e308", "not '1e308'"),
        ("storm:per-second=1e300", "per-second takes a number from 0.01 to 1000, not '1e300'"),
        ("latency:ms=inf", "not 'inf'"),
        ("drop:nth=" + "9" * 5_000, "fault 'drop': nth takes a whole number, not '999"),
        ("close:code=1.5", "fault 'close': code takes a whole number, not '1.5'"),
        ("bandwidth:bytes-per-second=0", "bytes-per-second takes a number from 1 up, not '0'"),
        ("handshake:how=rudely", "how takes one of never, closed, wrong-accept, not-http, not 'rudely'"),
        ("http:status=9999", "fault 'http': status takes a whole number from 200 to 599, not '9999'"),
        ("truncate:rate=7", "fault 'truncate': rate takes a number from 0 to 1, not '7'"),
        ("drop:nth=-1", "fault 'drop': nth takes a whole number from 0 up, not '-1'"),
        ("close:code=99", "fault 'close': code takes a whole number from 1000 to 4999, not '99'"),
        (
            "close:code=1006",
            "a close frame cannot carry 1006; to end the connection without a close frame, use drop or reset",
        ),
        ("drop:at=noon", "fault 'drop': at takes one of connect, created, ready, "),
        ("refuse:code=bad", "fault 'refuse': code takes one of invalid_api_key, "),
        ("http:on=mint+moon", "fault 'http': on takes one of models, mint, socket, elsewhere, not 'moon'"),
    ],
)
def test_an_invalid_fault_is_rejected_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(text)
    assert message in str(caught.value)
