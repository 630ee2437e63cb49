"""Every event of every dialect, one line each: name, required fields, optional fields.

Common fields are omitted: client events require `type` and may have `event_id`, server events require both. `fields.py`
adds them: import that module.

Sources: for GA and translation, the published OpenAPI specification and the Python SDK 3.52. For beta, the Python SDK
1.99 of 2025-08, plus `transcription_session.created`, which only the specification has. The beta schemas of the
specification use GA names, so they are not a source.
"""

from __future__ import annotations

EventRows = tuple[tuple[str, str, str], ...]

BETA_CLIENT: EventRows = (
    ("conversation.item.create", "item", "previous_item_id"),
    ("conversation.item.delete", "item_id", ""),
    ("conversation.item.retrieve", "item_id", ""),
    ("conversation.item.truncate", "audio_end_ms content_index item_id", ""),
    ("input_audio_buffer.append", "audio", ""),
    ("input_audio_buffer.clear", "", ""),
    ("input_audio_buffer.commit", "", ""),
    ("output_audio_buffer.clear", "", ""),
    ("response.cancel", "", "response_id"),
    ("response.create", "", "response"),
    ("session.update", "session", ""),
    ("transcription_session.update", "session", ""),
)

BETA_SERVER: EventRows = (
    ("conversation.created", "conversation", ""),
    ("conversation.item.created", "item", "previous_item_id"),
    ("conversation.item.deleted", "item_id", ""),
    ("conversation.item.input_audio_transcription.completed", "content_index item_id transcript usage", "logprobs"),
    ("conversation.item.input_audio_transcription.delta", "item_id", "content_index delta logprobs"),
    ("conversation.item.input_audio_transcription.failed", "content_index error item_id", ""),
    ("conversation.item.truncated", "audio_end_ms content_index item_id", ""),
    ("error", "error", ""),
    ("input_audio_buffer.cleared", "", ""),
    ("input_audio_buffer.committed", "item_id", "previous_item_id"),
    ("input_audio_buffer.speech_started", "audio_start_ms item_id", ""),
    ("input_audio_buffer.speech_stopped", "audio_end_ms item_id", ""),
    ("rate_limits.updated", "rate_limits", ""),
    ("conversation.item.retrieved", "item", ""),
    ("output_audio_buffer.started", "response_id", ""),
    ("output_audio_buffer.stopped", "response_id", ""),
    ("output_audio_buffer.cleared", "response_id", ""),
    ("response.audio.delta", "content_index delta item_id output_index response_id", ""),
    ("response.audio.done", "content_index item_id output_index response_id", ""),
    ("response.audio_transcript.delta", "content_index delta item_id output_index response_id", ""),
    ("response.audio_transcript.done", "content_index item_id output_index response_id transcript", ""),
    ("response.content_part.added", "content_index item_id output_index part response_id", ""),
    ("response.content_part.done", "content_index item_id output_index part response_id", ""),
    ("response.created", "response", ""),
    ("response.done", "response", ""),
    ("response.function_call_arguments.delta", "call_id delta item_id output_index response_id", ""),
    ("response.function_call_arguments.done", "arguments call_id item_id output_index response_id", ""),
    ("response.output_item.added", "item output_index response_id", ""),
    ("response.output_item.done", "item output_index response_id", ""),
    ("response.text.delta", "content_index delta item_id output_index response_id", ""),
    ("response.text.done", "content_index item_id output_index response_id text", ""),
    ("session.created", "session", ""),
    ("session.updated", "session", ""),
    ("transcription_session.updated", "session", ""),
    ("transcription_session.created", "session", ""),
)

GA_CLIENT: EventRows = (
    ("conversation.item.create", "item", "previous_item_id"),
    ("conversation.item.delete", "item_id", ""),
    ("conversation.item.retrieve", "item_id", ""),
    ("conversation.item.truncate", "audio_end_ms content_index item_id", ""),
    ("input_audio_buffer.append", "audio", ""),
    ("input_audio_buffer.clear", "", ""),
    ("input_audio_buffer.commit", "", ""),
    ("output_audio_buffer.clear", "", ""),
    ("response.cancel", "", "response_id"),
    ("response.create", "", "response"),
    ("session.update", "session", ""),
)

GA_SERVER: EventRows = (
    ("conversation.created", "conversation", ""),
    ("conversation.item.added", "item", "previous_item_id"),
    ("conversation.item.created", "item", "previous_item_id"),
    ("conversation.item.deleted", "item_id", ""),
    ("conversation.item.done", "item", "previous_item_id"),
    (
        "conversation.item.input_audio_transcription.completed",
        "content_index item_id transcript usage",
        "languages logprobs",
    ),
    ("conversation.item.input_audio_transcription.delta", "item_id", "content_index delta logprobs"),
    ("conversation.item.input_audio_transcription.failed", "content_index error item_id", ""),
    ("conversation.item.input_audio_transcription.segment", "content_index end id item_id speaker start text", ""),
    ("conversation.item.retrieved", "item", ""),
    ("conversation.item.truncated", "audio_end_ms content_index item_id", ""),
    ("error", "error", ""),
    ("input_audio_buffer.cleared", "", ""),
    ("input_audio_buffer.committed", "item_id", "previous_item_id"),
    ("input_audio_buffer.dtmf_event_received", "event received_at", ""),
    ("input_audio_buffer.speech_started", "audio_start_ms item_id", ""),
    ("input_audio_buffer.speech_stopped", "audio_end_ms item_id", ""),
    ("input_audio_buffer.timeout_triggered", "audio_end_ms audio_start_ms item_id", ""),
    ("mcp_list_tools.completed", "item_id", ""),
    ("mcp_list_tools.failed", "item_id", ""),
    ("mcp_list_tools.in_progress", "item_id", ""),
    ("output_audio_buffer.cleared", "response_id", ""),
    ("output_audio_buffer.started", "response_id", ""),
    ("output_audio_buffer.stopped", "response_id", ""),
    ("rate_limits.updated", "rate_limits", ""),
    ("response.output_audio.delta", "content_index delta item_id output_index response_id", ""),
    ("response.output_audio.done", "content_index item_id output_index response_id", ""),
    ("response.output_audio_transcript.delta", "content_index delta item_id output_index response_id", ""),
    ("response.output_audio_transcript.done", "content_index item_id output_index response_id transcript", ""),
    ("response.content_part.added", "content_index item_id output_index part response_id", ""),
    ("response.content_part.done", "content_index item_id output_index part response_id", ""),
    ("response.created", "response", ""),
    ("response.done", "response", ""),
    ("response.function_call_arguments.delta", "call_id delta item_id output_index response_id", ""),
    ("response.function_call_arguments.done", "arguments call_id item_id name output_index response_id", ""),
    ("response.mcp_call_arguments.delta", "delta item_id output_index response_id", "obfuscation"),
    ("response.mcp_call_arguments.done", "arguments item_id output_index response_id", ""),
    ("response.mcp_call.completed", "item_id output_index", ""),
    ("response.mcp_call.failed", "item_id output_index", ""),
    ("response.mcp_call.in_progress", "item_id output_index", ""),
    ("response.output_item.added", "item output_index response_id", ""),
    ("response.output_item.done", "item output_index response_id", ""),
    ("response.output_text.delta", "content_index delta item_id output_index response_id", ""),
    ("response.output_text.done", "content_index item_id output_index response_id text", ""),
    ("session.created", "session", ""),
    ("session.updated", "session", ""),
)

TRANSLATION_CLIENT: EventRows = (
    ("session.input_audio_buffer.append", "audio", ""),
    ("session.close", "", ""),
    ("session.update", "session", ""),
)

TRANSLATION_SERVER: EventRows = (
    ("session.closed", "", ""),
    ("session.created", "session", ""),
    ("session.input_transcript.delta", "delta", "elapsed_ms"),
    ("session.output_audio.delta", "delta", "channels elapsed_ms format sample_rate"),
    ("session.output_transcript.delta", "delta", "elapsed_ms"),
    ("session.updated", "session", ""),
    ("error", "error", ""),
)

#: Every table, for what is to hold for any event.
ALL: tuple[EventRows, ...] = (BETA_CLIENT, BETA_SERVER, GA_CLIENT, GA_SERVER, TRANSLATION_CLIENT, TRANSLATION_SERVER)
