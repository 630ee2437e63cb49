// What a client needs to know from the events of the Realtime API, in both dialects. Pure.

/**
 * @typedef {Object} Reading
 * @property {string} name the event that SherpaClient emits
 * @property {Record<string, any>} detail
 * @property {"speechStarted" | "committed" | "answered"} [speech] what it means for speech without an answer
 */

/** @param {"user" | "assistant"} role @param {boolean} final @returns {(event: Record<string, any>) => Reading} */
const transcript = (role, final) => (event) => ({
  name: "transcript",
  ...(role === "assistant" ? { speech: "answered" } : {}),
  detail: {
    role,
    final,
    itemId: event.item_id,
    text: final ? event.transcript ?? event.text ?? "" : event.delta ?? "",
  },
});

/** @param {string} base64 */
export function decodeAudio(base64) {
  try {
    const text = atob(base64);
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}

/** @type {(event: Record<string, any>) => Reading} */
const audio = (event) => ({
  name: "audio",
  detail: { itemId: event.item_id, responseId: event.response_id, pcm: decodeAudio(event.delta ?? "") },
  speech: "answered",
});

const answerText = transcript("assistant", false);
const answerTextDone = transcript("assistant", true);

/** @type {Readonly<Record<string, (event: Record<string, any>) => Reading>>} */
const READINGS = Object.freeze({
  "input_audio_buffer.speech_started": (event) => ({
    name: "speech",
    detail: { speaking: true, itemId: event.item_id, atMs: event.audio_start_ms },
    speech: "speechStarted",
  }),
  "input_audio_buffer.speech_stopped": (event) => ({
    name: "speech",
    detail: { speaking: false, itemId: event.item_id, atMs: event.audio_end_ms },
  }),
  "input_audio_buffer.committed": (event) => ({
    name: "turn",
    detail: { role: "user", itemId: event.item_id },
    speech: "committed",
  }),
  "conversation.item.input_audio_transcription.delta": transcript("user", false),
  "conversation.item.input_audio_transcription.completed": transcript("user", true),
  "response.created": (event) => ({ name: "answer", detail: { active: true, response: event.response ?? {} } }),
  "response.done": (event) => ({
    name: "answer",
    detail: { active: false, response: event.response ?? {} },
    speech: "answered",
  }),
  "response.output_audio.delta": audio,
  "response.audio.delta": audio,
  "response.output_audio.done": (event) => ({ name: "audio_done", detail: { itemId: event.item_id } }),
  "response.audio.done": (event) => ({ name: "audio_done", detail: { itemId: event.item_id } }),
  "response.output_audio_transcript.delta": answerText,
  "response.audio_transcript.delta": answerText,
  "response.output_audio_transcript.done": answerTextDone,
  "response.audio_transcript.done": answerTextDone,
  "response.output_text.delta": answerText,
  "response.text.delta": answerText,
  "response.output_text.done": answerTextDone,
  "response.text.done": answerTextDone,
  "response.function_call_arguments.done": (event) => ({
    name: "tool_call",
    detail: { callId: event.call_id, name: event.name, arguments: event.arguments },
  }),
});

/**
 * What one event means for a client: one reading, or none.
 * @param {Record<string, any>} event
 * @returns {Reading[]}
 */
export function readNativeEvent(event) {
  const read = Object.hasOwn(READINGS, event.type) ? READINGS[event.type] : null;
  return read ? [read(event)] : [];
}
