"""Events that mean the same in the GA and the beta dialect, as sets of their names.

Use these sets instead of comparing with single names: a server may speak either dialect. `bridge.core` is the one
package that does not, since it knows no protocol; its own table is `core/responses.py`.
"""

from __future__ import annotations

from typing import Final

#: Server: the session exists. It is the first event of every accepted session.
SESSION_CREATED: Final = frozenset({"session.created", "transcription_session.created"})
#: Server: an update was accepted. The event shows the whole session.
SESSION_UPDATED: Final = frozenset({"session.updated", "transcription_session.updated"})
#: Client: change the session's configuration.
SESSION_UPDATE: Final = frozenset({"session.update", "transcription_session.update"})

#: Server: a piece of the answer's audio, in base64.
AUDIO_DELTAS: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})
#: Server: a piece of a written answer.
TEXT_DELTAS: Final = frozenset({"response.output_text.delta", "response.text.delta"})
#: Server: a piece of the transcript of a spoken answer.
TRANSCRIPT_DELTAS: Final = frozenset({"response.output_audio_transcript.delta", "response.audio_transcript.delta"})
#: Server: a piece of the arguments of a function call.
ARGUMENTS_DELTAS: Final = frozenset({"response.function_call_arguments.delta"})
