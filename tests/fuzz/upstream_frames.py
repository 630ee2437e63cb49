"""Frames of an upstream that went mad: each is decoded or refused, and nothing else is ever raised."""

from __future__ import annotations

from contextlib import suppress

from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.event_decoder import EventDecoder, relayed_type
from bridge.upstream.failures import UpstreamClosed
from bridge.upstream.failures import redact as redact_text

_CREATED = b'{"type":"session.created","session":{"id":"sess_1","type":"realtime","model":"gpt-realtime"}}'


def check_upstream_frame(data: bytes) -> None:
    """Check a frame as the first one of a session, as one before and as one after the configuration is confirmed."""
    frame = data[1:]
    relayed_type(frame)
    for steps in range(3):
        decoder = EventDecoder(1, Dialect.GA, redact=redact_text, unix_time=lambda: 1.8e9)
        if steps:
            decoder.decode(_CREATED, 0.0)
        decoder.configure_sent, decoder.configured = steps > 0, steps > 1
        with suppress(UpstreamClosed):
            decoder.decode(frame, 1.0)
