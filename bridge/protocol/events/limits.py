"""How large one message may be."""

from __future__ import annotations

from typing import Final

#: The most audio that one `input_audio_buffer.append` may carry, before base64 (OpenAPI: 15 MiB).
MAX_APPEND_BYTES: Final = 15 * 2**20
#: The largest message that is accepted anywhere: 15 MiB of audio are 20 MiB of base64, and there is JSON around it.
MAX_MESSAGE_BYTES: Final = 24 * 2**20
