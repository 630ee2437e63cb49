"""Group I: bad input of clients, limits, and slow peers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypedDict

import trio

from probes.conformance.case import Group
from probes.conformance.peers.frames import frame
from probes.conformance.verdict import check, fail

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient

GROUP = Group("I", "Limits, slow peers and bad input")
_INVALID = "Errors: INVALID_MESSAGE"
_DEEP: Final = 100_000
_ANSWER: Final = 10.0
_FLOOD_SECONDS: Final = 20.0


async def invalid(context: CaseContext, *, text: str, names: str) -> None:
    """Send a text frame that is no message, in a live session, and go on."""
    client = await context.ready()
    before = len(context.upstream.sessions[0].received)
    await client.send_text(text)
    error = await client.expect("error", expected="`error` INVALID_MESSAGE, and the socket stays open")
    check(error.code == "INVALID_MESSAGE", expected="`error` INVALID_MESSAGE", seen=error.shown_code)
    check(error.body.get("retryable") is False, expected="it is not retryable", seen=str(error.body.get("retryable")))
    message = str(error.body.get("message"))
    if names and names not in message:
        context.non_strict(f"a message that names what is wrong: {names}", message)
    await client.ping_pong()
    sent = context.upstream.sessions[0].received[before:]
    check(not sent, expected="nothing of it goes upstream", seen=", ".join(event.type for event in sent))


_BAD: Final = (
    ("text that is no JSON", "hello", ""),
    ("a cut JSON text", '{"type":"text","text":"', ""),
    ("a JSON list", '[{"type":"ping"}]', ""),
    ("a JSON object without a type", '{"text":"hello"}', "type"),
    ("a type that is a number", '{"type":5}', "type"),
    ("an unknown type", '{"type":"make_coffee"}', "make_coffee"),
    ("a field of the wrong kind", '{"type":"text","text":5}', "text"),
    ("a missing field", '{"type":"tool_result","callId":"call_1"}', "output"),
    ("audio that is no base64", '{"type":"audio","audio":"!!!no base64!!!"}', "audio"),
    ("an empty text frame", "", ""),
    ("a JSON text nested 100,000 deep", "[" * _DEEP + "]" * _DEEP, ""),
    ("a JSON object nested 100,000 deep", '{"type":"text","text":' + '{"a":' * _DEEP + "1" + "}" * _DEEP + "}", ""),
)
for number, (what, text, names) in enumerate(_BAD, 1):
    GROUP.add(
        number,
        f"Refuses {what}, and goes on",
        partial(invalid, text=text, names=names),
        section=_INVALID,
        does=f"Sends {what}, and then a ping.",
        expects="`error` INVALID_MESSAGE whose message says what is wrong; socket and session go on.",
        matters="A wrong message of one release of a client must not end its calls, nor the bridge.",
    )


async def _alive(context: CaseContext) -> None:
    other = await context.connect()
    await other.ping_pong(expected="the bridge goes on answering other clients: `pong`")


@GROUP.case(
    13,
    "Passes on whole samples only",
    section="Messages from the client: audio",
    expects="A binary frame with half a sample is refused or completed; the upstream receives whole samples.",
    matters="One odd byte turns everything behind it into noise.",
)
async def odd_bytes(context: CaseContext) -> None:
    """Sends a binary frame of 961 bytes, then speech."""
    client = await context.ready(turnDetection="none")
    await client.send_bytes(b"\x01" * 961)
    await client.speak(200)
    await context.heard(client, what="the speech behind an odd number of bytes")
    odd = [size for size in context.upstream.sessions[0].append_sizes() if size % 2]
    check(not odd, expected="whole samples in every append", seen=f"an append of {odd[0] if odd else 0} bytes")
    count = context.count_in(context.upstream.sessions[0], client.source.caller, client.source.sent_ms)
    check(count.clean, expected="the speech behind it arrives undamaged", seen=f"{count.lost_ms} ms lost")
    appends = context.upstream.sessions[0].of_type("input_audio_buffer.append")
    odd = [size for size in (_decoded_size(event.body.get("audio")) for event in appends) if size % 2]
    check(not odd, expected="whole samples upstream", seen=f"{odd[:1]} bytes in one append")


def _decoded_size(audio: object) -> int:
    """Return how many bytes this base64 stands for."""
    text = str(audio or "")
    return len(text) * 3 // 4 - text.count("=")


@GROUP.case(
    14,
    "Takes an empty binary frame as nothing",
    section="Messages from the client: audio",
    expects="No empty append goes upstream, and the session goes on.",
    matters="Recorders send an empty chunk when they stop; the service answers it with an error.",
)
async def empty_frame(context: CaseContext) -> None:
    """Sends an empty binary frame, then speech."""
    client = await context.ready(turnDetection="none")
    await client.send_bytes(b"")
    await client.speak(100)
    await context.heard(client)
    appends = context.upstream.sessions[0].of_type("input_audio_buffer.append")
    empty = [event for event in appends if not event.body.get("audio")]
    check(not empty, expected="no empty append upstream", seen=f"{len(empty)} of them")


class FrameOptions(TypedDict, total=False):
    """What is wrong about a frame."""

    masked: bool
    reserved: int


async def violates(context: CaseContext, *, opcode: int, payload: bytes, options: FrameOptions, code: int) -> None:
    """Send a frame that breaks the WebSocket protocol."""
    raw = await context.raw()
    await raw.send_frame(opcode, payload, **options)
    ended = await raw.until_ended()
    check(ended, expected=f"the bridge ends the socket with close {code}", seen="it goes on")
    if raw.close_code is None:
        context.non_strict(f"a close frame with {code}", "TCP ended without a close frame")
    elif raw.close_code != code:
        context.non_strict(f"close {code}", f"close {raw.close_code}")
    await _alive(context)


_TEXT, _BINARY, _CONTINUATION, _CLOSE, _PING = 0x1, 0x2, 0x0, 0x8, 0x9
_ILLEGAL: Final[tuple[tuple[str, int, bytes, FrameOptions, int], ...]] = (
    ("text that is not UTF-8", _TEXT, b"\xc3\x28\xff", {}, 1007),
    ("a frame without a mask", _TEXT, b"{}", {"masked": False}, 1002),
    ("a reserved bit", _TEXT, b"{}", {"reserved": 4}, 1002),
    ("an unknown opcode", 0x3, b"", {}, 1002),
    ("a ping of 126 bytes", _PING, b"x" * 126, {}, 1002),
    ("a continuation of nothing", _CONTINUATION, b"x", {}, 1002),
)
for number, (what, opcode, payload, options, code) in enumerate(_ILLEGAL, 15):
    GROUP.add(
        number,
        f"Ends a socket that sends {what}",
        partial(violates, opcode=opcode, payload=payload, options=options, code=code),
        section="RFC 6455",
        does=f"Sends {what}, and then looks whether the bridge still serves others.",
        expects=f"The bridge ends that socket with close {code}, and nothing else.",
        matters="One broken client must not end the calls of the others.",
    )


@GROUP.case(
    21,
    "Puts fragmented messages together",
    section="RFC 6455, 5.4",
    expects="A message in three frames, with a ping in between, is one message.",
    matters="Proxies and some libraries cut large messages.",
)
async def fragments(context: CaseContext) -> None:
    """Sends a ping message of the protocol in three fragments, with a WebSocket ping between them."""
    raw = await context.raw()
    await raw.send_frame(_TEXT, b'{"type":"pi', fin=False)
    await raw.send_frame(_PING, b"between")
    await raw.send_frame(_CONTINUATION, b'ng","id":"whole', fin=False)
    await raw.send_frame(_CONTINUATION, b'"}')
    check(await raw.until_pong(b"between"), expected="a WebSocket pong with the payload of the ping", seen="none")
    check(
        await raw.until_text('"whole"'), expected="`pong` to the message in three fragments", seen=str(raw.texts[-2:])
    )


@GROUP.case(
    22,
    "Refuses a message that is too large",
    section="Errors: MESSAGE_TOO_LARGE",
    expects="`error` MESSAGE_TOO_LARGE and close 1009, without reading it whole.",
    matters="One message of a gigabyte would end the bridge for everybody.",
    seconds=2.0,
)
async def too_large(context: CaseContext) -> None:
    """Announces a text frame of 1 GiB and sends up to 64 MiB of it."""
    raw = await context.raw()
    await raw.send_endless(_TEXT, size=2**30, most=64 * 2**20)
    ended = await raw.until_ended()
    # A bridge without this limit reads on; how far depends on the machine, until its limit of rates ends the client.
    reads_on = not ended or any("RATE_EXCEEDED" in text for text in raw.texts)
    check(not reads_on, expected="close 1009 long before the message is complete", seen="the bridge goes on reading")
    if not any("MESSAGE_TOO_LARGE" in text for text in raw.texts):
        context.non_strict("`error` MESSAGE_TOO_LARGE before the close", "no such error")
    if raw.close_code != 1009:  # noqa: PLR2004 - the code for it
        context.non_strict("close 1009", f"close {raw.close_code}" if raw.close_code else "TCP ended")
    await _alive(context)


async def _flood(context: CaseContext, client: BridgeClient) -> None:
    session = context.upstream.sessions[0]
    client.stop_reading()
    for number in range(600):
        if client.end is not None or not session.is_open:
            return
        session.send({"type": "suite.flood", "event_id": f"event_{number}", "text": "x" * 128 * 1024})
        await context.sleep(0.005)


@GROUP.case(
    23,
    "Ends a client that does not read",
    section="Session life 7: slow client",
    expects="Past the bound of its queue: `error` SLOW_CONSUMER and close 1013; nothing is dropped in between.",
    matters="A sleeping phone would fill the memory of the bridge; a gap in the middle is heard by the others.",
    seconds=6.0,
)
async def slow_client(context: CaseContext) -> None:
    """Stops reading while the upstream sends up to 75 MiB; then reads the rest."""
    client = await context.ready()
    await _flood(context, client)
    client.read_on()
    await context.waiter.holds(lambda: client.end, within=20.0)
    numbers = [str(said.body.get("event_id")) for said in client.of_type("suite.flood")]
    sent = [str(event.body.get("event_id")) for event in context.upstream.sessions[0].sent_of("suite.flood")]
    lost = next((at for at, (one, other) in enumerate(zip(numbers, sent, strict=False), 1) if one != other), None)
    check(
        lost is None,
        expected="no event is left out before the end",
        seen=f"{len(numbers)} of {len(sent)} events arrived; event {lost} is missing, later ones are not",
    )
    end = client.end
    if end is None:
        seen = f"it goes on; {len(numbers)} of the upstream's {len(sent)} events have arrived"
        fail("the bridge ends the socket of a client that does not read", seen)
    if not any(error.code == "SLOW_CONSUMER" for error in client.errors) or end.code != 1013:  # noqa: PLR2004 - the code for it
        context.non_strict("`error` SLOW_CONSUMER and close 1013", str(end))
    await _alive(context)


@GROUP.case(
    24,
    "Serves others while one client does not read",
    section="Session life 7: slow client",
    expects="A slow client slows nobody else.",
    matters="One phone in a tunnel would stop all calls.",
    seconds=5.0,
)
async def others_go_on(context: CaseContext) -> None:
    """Lets one client not read during a flood, and another one have a conversation."""
    slow, other = await context.ready(), await context.ready()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_flood, context, slow)
        for turn in range(3):
            last = other.last
            await other.send("text", text=f"Turn {turn}.")
            await other.expect(
                "response.done",
                after=last,
                within=_ANSWER,
                expected="another client is answered within 10 s while one client does not read",
            )
        nursery.cancel_scope.cancel()
    await slow.drop()


@GROUP.case(
    25,
    "Answers WebSocket pings",
    section="RFC 6455, 5.5.2",
    expects="Each ping is answered by a pong with its payload, without a session, too.",
    matters="Proxies and clients drop a connection without pongs.",
)
async def pongs(context: CaseContext) -> None:
    """Sends pings with payloads of 0, 1 and 125 bytes."""
    raw = await context.raw()
    for payload in (b"", b"x", b"y" * 125):
        await raw.send_frame(_PING, payload)
        answered = await raw.until_pong(payload)
        check(answered, expected=f"a pong with {len(payload)} bytes of payload", seen="none")


@GROUP.case(
    26,
    "Slows down a client that sends too fast, and ends it at last",
    section="Errors: RATE_EXCEEDED",
    expects="The bridge reads slower; a client that goes on for 5 s gets `error` RATE_EXCEEDED and close 1008.",
    matters="A loop in one client must not take the bridge from the others.",
    seconds=12.0,
)
async def too_fast(context: CaseContext) -> None:
    """Speaks a hundred times as fast as people do, for up to 20 s."""
    raw, other = await context.raw(), await context.connect()
    await raw.send_frame(_TEXT, b'{"type":"create_session","turnDetection":"none"}')
    if not await raw.until_text('"session_ready"'):
        fail("the client receives `session_ready`", f"{raw.texts[-1:]}")
    over: list[bool] = []

    async def flood() -> None:
        await raw.blast(frame(_BINARY, context.source().speech(100)) * 20, seconds=_FLOOD_SECONDS)
        over.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        while not over:
            await other.ping_pong(expected="another client receives `pong` while one client sends too fast")
            await context.sleep(1)
    if not raw.ended and raw.close_code is None:
        context.non_strict("`error` RATE_EXCEEDED and close 1008 after 5 s", "the bridge goes on with it")
        return
    if not any("RATE_EXCEEDED" in text for text in raw.texts) or raw.close_code != 1008:  # noqa: PLR2004 - the code for it
        context.non_strict("`error` RATE_EXCEEDED and close 1008", f"close {raw.close_code}")


@GROUP.case(
    27,
    "Answers a close frame",
    section="RFC 6455, 5.5.1",
    expects="A close frame is answered by a close frame with the same code, and TCP ends.",
    matters="Clients that get no answer wait for it, and report a broken connection.",
)
async def answers_close(context: CaseContext) -> None:
    """Sends a close frame with code 1000."""
    raw = await context.raw()
    await raw.send_frame(_CLOSE, (1000).to_bytes(2, "big"))
    await raw.until_ended()
    check(raw.close_code is not None, expected="a close frame", seen="none")
    check(await raw.until_tcp_ended(), expected="TCP ends behind the two close frames", seen="it stays open for 5 s")
    if raw.close_code != 1000:  # noqa: PLR2004 - the code that was sent
        context.non_strict("the same code", f"{raw.close_code}")
