"""Caps at a whole bridge: what clients at both endpoints are told, and how their sockets end."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
import trio.testing

from bridge.client_protocol.native_errors import bridge_code
from bridge.core.spending.caps import Caps
from bridge.server.admission.tickets import make_ticket
from bridge.server.config.settings import ClientRules, IdentityCaps
from bridge.transport.link import HandshakeRefused
from reports.redaction import Secret
from tests.driver.harness import simulated_upstream
from tests.server.harness import CLIENT_PATH, NATIVE_URL, TOKEN, make_settings, running_bridge


def ticket_url(subject: str) -> str:
    return f"{CLIENT_PATH}?ticket={make_ticket(Secret(TOKEN), time.time(), subject=subject).reveal()}"


def capped(**caps: Any) -> Any:
    return make_settings(ClientRules(caps=Caps(**caps)))


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_the_last_answer_is_whole_and_the_next_one_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(capped(max_tokens=1), connector) as bridge:
        client = await bridge.connect()
        await client.send("create_session", usage=True)
        await client.send("text", text="hello")
        closed = await client.receive_until("session_closed")
        assert closed["reason"] == "budget"
        assert client.types().index("response.done") < client.types().index("usage")
        await client.send("text", text="and more")
        error = await client.receive_until("error")
        assert (error["code"], error["retryable"]) == ("BUDGET_EXHAUSTED", False)
        await client.link.close()
        metrics = (await bridge.get("/metrics"))[2].decode()
        assert 'sherpa_bridge_tokens_total{kind="output_audio",model="gpt-realtime-2.1"}' in metrics
        assert 'sherpa_bridge_cost_usd_total{model="gpt-realtime-2.1"}' in metrics
        assert 'sherpa_bridge_sessions_closed_total{reason="budget"} 1' in metrics


async def test_an_sdk_is_closed_as_by_a_service_without_credit(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(capped(max_tokens=1), connector) as bridge:
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        end = await client.receive_close()
        assert end.code == 1013
        error = client.received[-1]["error"]
        assert (error["code"], bridge_code(error)) == ("insufficient_quota", "budget_exhausted")
        assert client.types()[-2:] == ["response.done", "error"]


async def test_everybody_with_one_subject_has_its_sessions_and_its_day(autojump_clock: trio.testing.MockClock) -> None:
    rules = ClientRules(token=Secret(TOKEN), identity_caps=IdentityCaps(sessions=1, tokens=1))
    async with simulated_upstream() as (_, connector), running_bridge(make_settings(rules), connector) as bridge:
        client = await bridge.connect(ticket_url("ann"))
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect(ticket_url("ann"))
        assert (refused.value.status, "SERVER_BUSY" in str(refused.value.body)) == (503, True)
        await client.send("create_session")
        await client.send("text", text="hello")
        assert (await client.receive_until("session_closed"))["reason"] == "budget"
        await client.link.close()
        await trio.testing.wait_all_tasks_blocked()
        again = await bridge.connect(ticket_url("ann"))
        await again.send("create_session")
        assert (await again.receive_until("error"))["code"] == "BUDGET_EXHAUSTED"
        await again.link.close()
        other = await bridge.connect(ticket_url("bob"))
        await other.send("create_session")
        await other.receive_until("session_ready")
        await other.link.close()
        assert [line["subject"] for line in bridge.log_lines("client.connected")] == ["ann", "ann", "bob"]


async def test_the_end_of_the_time_is_told_with_its_moment(autojump_clock: trio.testing.MockClock) -> None:
    settings = capped(max_session_seconds=200)
    async with simulated_upstream() as (_, connector), running_bridge(settings, connector) as bridge:
        client = await bridge.connect()
        await client.send("create_session")
        told = await client.receive_until("session_expiring")
        assert (told["reason"], told["expiresInMs"]) == ("max_duration", 60_000)
        assert moment(told["expiresAt"]) - moment(told["timestamp"]) == 60
        end = await client.receive_close()
        assert end.code == 1000
        assert client.received[-1]["reason"] == "max_duration"


async def test_silence_ends_a_call_of_an_sdk_as_the_service_ends_a_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(capped(idle_seconds=30), connector) as bridge:
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        end = await client.receive_close()
        assert end.code == 1001
        error = client.received[-1]["error"]
        assert (error["code"], bridge_code(error)) == ("session_expired", "session_expired")
