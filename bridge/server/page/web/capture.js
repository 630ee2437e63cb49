// The session as a capture file for `sherpa-probe events --from`. Pure.
//
// It holds the structure of every message and none of its content: texts become as many x, audio its length. Keys never
// reach a page.

/** Strings of these fields are structure, not content. */
const STRUCTURAL = new Set(
  ("type object role status reason code param message name model voice phase modalities output_modalities include format " +
    "input_audio_format output_audio_format tool_choice truncation eagerness effort dialect kind timestamp cause refusal " +
    "closeReason during id").split(" "),
);
const BYTES_PER_MS = 48;
const MAX_ENTRIES = 20_000;

/**
 * @typedef {{at: number, who: "client" | "server" | "bridge" | "probe", event: Record<string, any>, frame_bytes?: number,
 *   audio_ms?: number, detail?: string}} Entry
 */

/** @param {string} name */
const isStructural = (name) => STRUCTURAL.has(name) || /(_id|Id)$/.test(name);

/** @param {any} value @param {string} name @returns {any} */
function strip(value, name) {
  if (typeof value === "string") {
    if (isStructural(name)) return value.slice(0, 500);
    return name === "audio" && value ? "[audio]" : "x".repeat([...value].length);
  }
  if (Array.isArray(value)) return value.map((one) => strip(one, name));
  if (value && typeof value === "object") return stripContent(value);
  return value;
}

/** An event without text and audio. @param {Record<string, any>} event @returns {Record<string, any>} */
export function stripContent(event) {
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [name, strip(value, name)]));
}

/** @param {string} type */
const isAudioDelta = (type) => type === "response.output_audio.delta" || type === "response.audio.delta";

/** Everything that happened in one connection, in order and bounded. */
export class CaptureLog {
  /** @type {Entry[]} */
  entries = [];
  #started = 0;
  #connectedAt = 0;
  /** Messages that did not fit any more. */
  left = 0;

  /** A new connection begins. @param {number} now in ms since 1970 */
  start(now) {
    this.entries = [];
    this.left = 0;
    this.#started = now;
    this.#connectedAt = 0;
  }

  /** @param {number} now */
  connected(now) {
    this.#connectedAt = (now - this.#started) / 1000;
  }

  /** A message from the bridge or of the page's own. @param {Record<string, any>} message @param {boolean} sent @param {number} now */
  message(message, sent, now) {
    const type = String(message.type);
    const who = sent ? "client" : type.includes(".") ? "server" : "bridge";
    /** @type {Entry} */
    const entry = { at: (now - this.#started) / 1000, who, event: stripContent(message) };
    if (isAudioDelta(type)) {
      entry.audio_ms = Math.floor((String(message.delta ?? "").length * 3) / 4 / BYTES_PER_MS);
      entry.event.delta = "[audio]";
    }
    this.#add(entry);
  }

  /** Speech that goes up, as a binary frame. @param {number} bytes @param {number} now */
  audio(bytes, now) {
    this.#add({
      at: (now - this.#started) / 1000,
      who: "client",
      event: { type: "audio" },
      frame_bytes: bytes,
      audio_ms: bytes / BYTES_PER_MS,
    });
  }

  /** @param {Entry} entry */
  #add(entry) {
    if (this.entries.length < MAX_ENTRIES) this.entries.push(entry);
    else this.left += 1;
  }

  /** The text of the file. @param {{kind?: string, dialect?: string, version?: string}} about @param {number} now */
  format(about, now) {
    const header = {
      capture: "sherpa-probe events",
      schema_version: 1,
      tool: `sherpa-page ${about.version ?? ""}`.trim(),
      started: new Date(this.#started || now).toISOString(),
      script: "page",
      kind: about.kind ?? "conversation",
      dialect: about.dialect ?? "ga",
      via: "client",
      timeout: 15,
      connected_at: this.#connectedAt,
      redaction: "content and secrets",
    };
    const ending = this.left
      ? { end: "too-much", at: (now - this.#started) / 1000, bound: `${MAX_ENTRIES} messages` }
      : { end: "finished", at: (now - this.#started) / 1000 };
    return [header, ...this.entries, ending].map((line) => JSON.stringify(line)).join("\n") + "\n";
  }
}
