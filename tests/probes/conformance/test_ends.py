"""How the bridge ends its sockets, which is judged apart from a case; and what is waited for between two cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from probes.conformance.judge import CLOSE_NOT_ANSWERED, END_WITHOUT_FRAME, close_clients
from probes.conformance.peers.barrier import until_answered
from probes.conformance.peers.client import SocketEnd

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext


@dataclass
class FakeClient:
    """A client whose bridge answers a close frame with `answer`."""

    end: SocketEnd | None = None
    answer: SocketEnd | None = None
    closed_by_us: bool = False
    stream: trio.abc.Stream = field(default_factory=lambda: trio.testing.memory_stream_pair()[0])

    async def close(self) -> None:
        self.end = self.answer


def context_of(*clients: FakeClient, running: bool = True) -> CaseContext:
    raw = SimpleNamespace(stream=trio.testing.memory_stream_pair()[0])
    fake = SimpleNamespace(
        at_end=[],
        clients=clients,
        connector=SimpleNamespace(raw_sockets=[raw]),
        process=SimpleNamespace(is_running=running),
    )
    return cast("CaseContext", fake)


CLEAN, ABRUPT = SocketEnd(1000), SocketEnd(None)


async def test_a_close_frame_without_an_answer_is_not_clean() -> None:
    assert await close_clients(context_of(FakeClient(answer=CLEAN))) == ((), 1)
    assert await close_clients(context_of(FakeClient(answer=ABRUPT))) == ((CLOSE_NOT_ANSWERED,), 1)


async def test_a_socket_that_the_bridge_ended_without_a_close_frame_is_not_clean() -> None:
    assert await close_clients(context_of(FakeClient(end=CLEAN), FakeClient(end=ABRUPT))) == ((END_WITHOUT_FRAME,), 2)


async def test_nothing_is_asked_of_a_bridge_whose_process_has_ended_or_whose_client_has_left() -> None:
    assert await close_clients(context_of(FakeClient(end=ABRUPT), FakeClient(), running=False)) == ((), 0)
    assert await close_clients(context_of(FakeClient(end=ABRUPT, closed_by_us=True))) == ((), 0)


async def test_every_stream_is_closed_raw_ones_too() -> None:
    context = context_of(FakeClient(answer=CLEAN))
    await close_clients(context)
    for stream in (context.clients[0].stream, context.connector.raw_sockets[0].stream):
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")


async def test_the_next_case_waits_until_the_server_has_answered(nursery: trio.Nursery) -> None:
    answered = False

    async def answer(stream: trio.SocketStream) -> None:
        nonlocal answered
        assert (await stream.receive_some()).startswith(b"GET / HTTP/1.1")
        answered = True
        await stream.send_all(b"HTTP/1.1 404 Not Found")

    listeners = await nursery.start(trio.serve_tcp, answer, 0)
    await until_answered("127.0.0.1", listeners[0].socket.getsockname()[1])
    assert answered


async def test_a_server_that_is_gone_holds_up_nothing() -> None:
    with trio.fail_after(5):
        await until_answered("127.0.0.1", 9)
