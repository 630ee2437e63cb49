"""PCM16 arithmetic, G.711, WAV files, and tracer audio."""
