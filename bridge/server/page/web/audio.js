// Microphone and loudspeaker of a browser, for a SherpaClient. No DOM but the audio API.
//
// `await audio.unlock()` must be called in a click or key handler: iOS lets sound begin in no other place.

/** Why there is no microphone, by the name of the browser's error: a title, and what to do. */
/** @type {Readonly<Record<string, readonly [string, string]>>} */
export const MICROPHONE_PROBLEMS = Object.freeze({
  insecure: ["This page may not use the microphone", "Browsers allow it on https:// pages and on http://localhost only."],
  NotAllowedError: ["The microphone is blocked", "Allow it in the browser's address bar, then press Talk again."],
  NotFoundError: ["No microphone was found", "Connect one, or type instead."],
  NotReadableError: ["The microphone is in use", "Another program or tab holds it. Close that, then press Talk again."],
  OverconstrainedError: ["This microphone can't be used", "Choose another one."],
  silent: ["This device has no sound", "Connect a loudspeaker or headphones, or type instead."],
  unplugged: ["The microphone was disconnected", "Connect it again, then press Talk."],
});

/** How long the device's sound may take to start; without an output some browsers wait for ever. */
const UNLOCK_MS = 5_000;

/** What callers want from a microphone: the browser removes the echo of the answer. */
const SPEECH = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

/** A problem with the microphone; `name` is a key of MICROPHONE_PROBLEMS. */
export class MicrophoneError extends Error {
  /** @param {string} name */
  constructor(name) {
    const [title, advice] = MICROPHONE_PROBLEMS[name] ?? [`The microphone failed: ${name}`, "Try again, or type instead."];
    super(title);
    this.name = name;
    this.advice = advice;
  }
}

/**
 * Both directions, on one AudioContext. Events: `speech` {pcm, peak} from the microphone, `microphone` {on, problem?},
 * `playback` {event, itemId, playedMs, queuedMs} from the loudspeaker.
 */
export class VoiceAudio extends EventTarget {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {Promise<AudioWorkletNode> | null} */
  #player = null;
  /** @type {{stream: MediaStream, source: MediaStreamAudioSourceNode, worklet: AudioWorkletNode} | null} */
  #microphone = null;
  /** @type {Set<string>} items whose late speech is not played any more */
  #stopped = new Set();
  /** @type {{itemId: string, playedMs: number, queuedMs: number} | null} */
  #position = null;
  #starting = false;

  /** @param {{baseUrl?: string | URL}} [options] where the worklets are */
  constructor(options = {}) {
    super();
    this.baseUrl = options.baseUrl ?? import.meta.url;
  }

  get microphoneOn() {
    return this.#microphone !== null;
  }

  /** Whether the system has interrupted the sound, as phones do for a call: `unlock` in the next click goes on. */
  get interrupted() {
    return this.#context !== null && this.#context.state !== "running";
  }

  /** What plays now: its item, and how much of it was heard; null when it is quiet. */
  get playing() {
    return this.#position;
  }

  /** Let sound begin. Call it in a click or key handler; again whenever the system has interrupted the sound. */
  /** Raises MicrophoneError where the device has no sound at all. */
  async unlock() {
    this.#context ??= new AudioContext({ latencyHint: "interactive" }); // at the device's rate, see resampler.js
    const session = /** @type {any} */ (navigator).audioSession; // Safari: else the ringer's switch mutes the answers
    if (session) session.type = "play-and-record";
    this.#player ??= this.#openPlayer(this.#context);
    const late = new Promise((_, reject) => setTimeout(() => reject(new MicrophoneError("silent")), UNLOCK_MS));
    await Promise.race([Promise.all([this.#context.resume(), this.#player]), late]);
  }

  /** Start the microphone. Raises MicrophoneError. */
  /** @param {MediaTrackConstraints} [constraints] */
  async openMicrophone(constraints = {}) {
    if (this.#microphone || this.#starting) return;
    if (!navigator.mediaDevices) throw new MicrophoneError("insecure");
    this.#starting = true;
    try {
      const unlocked = this.unlock(); // before anything is awaited: still within the click
      unlocked.catch(() => {});
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...SPEECH, ...constraints } });
      try {
        await unlocked;
        this.#connect(stream);
      } catch (error) {
        for (const track of stream.getTracks()) track.stop(); // its light goes off
        throw error;
      }
    } catch (error) {
      throw error instanceof Error ? new MicrophoneError(error.name) : error;
    } finally {
      this.#starting = false;
    }
  }

  /** Stop the microphone: its light goes off, and the last block of speech is given. */
  async closeMicrophone() {
    const open = this.#microphone;
    if (!open) return;
    this.#microphone = null;
    open.source.disconnect();
    for (const track of open.stream.getTracks()) track.stop();
    const flushed = new Promise((resolve) => {
      open.worklet.port.addEventListener("message", ({ data }) => data.ended && resolve(undefined));
      setTimeout(resolve, 200); // a suspended audio thread answers nothing
    });
    open.worklet.port.postMessage("flush");
    await flushed;
    open.worklet.disconnect();
    this.#emit("microphone", { on: false });
  }

  /** Play a piece of an answer: PCM16, 24 kHz. @param {string} itemId @param {Uint8Array} pcm */
  async play(itemId, pcm) {
    if (this.#stopped.has(itemId) || !this.#player || pcm.byteLength < 2) return;
    const samples = new Int16Array(pcm.slice(0, pcm.byteLength & ~1).buffer);
    (await this.#player).port.postMessage({ append: samples, itemId }, [samples.buffer]);
  }

  /** Nothing more comes of this item. @param {string} itemId */
  async finish(itemId) {
    if (this.#player) (await this.#player).port.postMessage({ end: itemId });
  }

  /**
   * Barge-in: silence within 50 ms. Returns what was heard of the item that played, null if none did.
   * @returns {Promise<{itemId: string, playedMs: number} | null>}
   */
  async silence() {
    const last = this.#position;
    if (!last || !this.#player) return null;
    this.#remember(last.itemId);
    const { port } = await this.#player;
    const stopped = new Promise((resolve) => {
      this.addEventListener("playback", (event) => resolve(/** @type {CustomEvent} */ (event).detail), { once: true });
      setTimeout(() => resolve(last), 200); // a suspended audio thread answers nothing
    });
    port.postMessage({ stop: true });
    return stopped;
  }

  /** End everything: the microphone's light goes off, and the audio thread ends. */
  async close() {
    await this.closeMicrophone();
    this.#position = this.#player = null;
    await this.#context?.close();
    this.#context = null;
  }

  /** @param {string} itemId */
  #remember(itemId) {
    this.#stopped.add(itemId);
    if (this.#stopped.size > 100) this.#stopped.delete(/** @type {string} */ (this.#stopped.values().next().value));
  }

  /** @param {AudioContext} context */
  async #openPlayer(context) {
    await Promise.all(
      ["mic-worklet.js", "player-worklet.js"].map((name) => context.audioWorklet.addModule(new URL(name, this.baseUrl))),
    );
    const node = new AudioWorkletNode(context, "sherpa-player", { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }) => this.#played(context, data);
    node.connect(context.destination);
    return node;
  }

  /** @param {AudioContext} context @param {any} data */
  #played(context, data) {
    const late = (context.outputLatency || 0) * 1000; // what is rendered, and not heard yet
    const position = { itemId: data.itemId, playedMs: Math.max(0, data.playedMs - late), queuedMs: data.queuedMs };
    if (data.event === "ended") position.playedMs = data.playedMs;
    if (this.#stopped.has(data.itemId) && data.event !== "stopped") return;
    this.#position = ["ended", "stopped"].includes(data.event) ? null : position;
    this.#emit("playback", { event: data.event, ...position });
  }

  /** @param {MediaStream} stream */
  #connect(stream) {
    const context = /** @type {AudioContext} */ (this.#context);
    const source = context.createMediaStreamSource(stream);
    const worklet = new AudioWorkletNode(context, "sherpa-mic", { numberOfOutputs: 0 });
    worklet.port.addEventListener("message", ({ data }) => {
      if (data.pcm) this.#emit("speech", { pcm: new Uint8Array(data.pcm.buffer), peak: data.peak });
    });
    worklet.port.start();
    source.connect(worklet);
    this.#microphone = { stream, source, worklet };
    stream.getAudioTracks()[0].addEventListener("ended", () => this.#unplugged());
    this.#emit("microphone", { on: true, label: stream.getAudioTracks()[0].label });
  }

  async #unplugged() {
    await this.closeMicrophone();
    this.#emit("microphone", { on: false, problem: new MicrophoneError("unplugged") });
  }

  /** @param {string} name @param {unknown} detail */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * Join a client and its audio: speech goes up, answers are played, and a caller who speaks up silences the answer.
 * @param {import("./sherpa-client.js").SherpaClient} client
 * @param {VoiceAudio} audio
 * @param {{onBargeIn?: (heard: {itemId: string, playedMs: number}) => void}} [options]
 */
export function joinAudio(client, audio, options = {}) {
  /** @param {EventTarget} target @param {string} name @param {(detail: any) => void} run */
  const on = (target, name, run) => target.addEventListener(name, (event) => run(/** @type {CustomEvent} */ (event).detail));
  on(audio, "speech", ({ pcm }) => client.sendAudio(pcm));
  on(audio, "playback", ({ event, itemId, playedMs }) => client.playback(itemId, playedMs, ["ended", "stopped"].includes(event)));
  on(client, "audio", ({ itemId, pcm }) => audio.play(itemId, pcm));
  on(client, "audio_done", ({ itemId }) => audio.finish(itemId));
  on(client, "speech", async ({ speaking }) => {
    if (!speaking || !audio.playing) return;
    const heard = await audio.silence();
    if (!heard) return;
    client.interrupt(heard.itemId, heard.playedMs);
    options.onBargeIn?.(heard);
  });
}
