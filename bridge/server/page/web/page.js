// The console: joins client, audio and the parts of the page.

import { VoiceAudio, joinAudio } from "./audio.js";
import { CaptureLog } from "./capture.js";
import { LatencyFigures, soundsLikeEcho } from "./latency.js";
import { byId, on, seconds } from "./page-elements.js";
import { Usage, enableCopying, showLatency, showSession } from "./page-figures.js";
import { WakeLock, claimTab, followPage } from "./page-lifecycle.js";
import { Meters } from "./page-meters.js";
import { Notices } from "./page-notices.js";
import { setUpSimulator } from "./page-simulator.js";
import { Timeline } from "./page-timeline.js";
import { Transcript } from "./page-transcript.js";
import { SherpaClient } from "./sherpa-client.js";

const button = (/** @type {string} */ id) => /** @type {HTMLButtonElement} */ (byId(id));
const form = /** @type {HTMLFormElement} */ (byId("options"));
const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value.trim();

/** The bridge that serves this page; its policy allows no other. */
function endpoint() {
  const url = new URL("api/openai/realtime", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

const client = new SherpaClient({ url: endpoint(), token: () => field("token"), explainFailure, ...readinessOption() });
const audio = new VoiceAudio();
const [notices, timeline, transcript, meters] = [new Notices(), new Timeline(), new Transcript(), new Meters()];
const [figures, usage, capture, wakeLock] = [new LatencyFigures(), new Usage(), new CaptureLog(), new WakeLock()];
/** @type {{release: () => void} | null} */
let claim = null;
let lastAnswer = "";
/** The item of the answer that is under way. */
let answering = "";

/** Ask the bridge why it refuses this page: a browser's WebSocket tells a page only that it failed. */
async function explainFailure() {
  const headers = field("token") ? { authorization: `Bearer ${field("token")}` } : undefined;
  const { code, detail } = await (await fetch("page/access", { method: "POST", headers })).json();
  if (!code) return null;
  return { code: code === "RATE_EXCEEDED" ? "wrong_tokens" : code, message: detail, retryable: code === "SERVER_BUSY" };
}

/** `?readinessMs=` shortens the time-out, to see what happens then. */
function readinessOption() {
  const ms = Number(new URLSearchParams(location.search).get("readinessMs"));
  return ms > 0 ? { readinessMs: ms } : {};
}

function sessionOptions() {
  const names = ["model", "voice", "instructions", "turnDetection"];
  return Object.fromEntries(names.map((name) => [name, field(name)]).filter(([, value]) => value));
}

// Connecting

async function connect({ anyway = false } = {}) {
  if (client.state !== "idle" && client.state !== "failed") return true;
  claim ??= await claimTab();
  if (!(/** @type {any} */ (claim).alone) && !anyway) {
    claim = null;
    notices.show("second-tab", {
      title: "Another tab of this browser is connected",
      advice: "Two tabs would hear each other. Close the other one, or connect here anyway.",
      action: { label: "Connect anyway", run: () => void connect({ anyway: true }) },
      kind: "error",
    });
    return false;
  }
  for (const key of ["second-tab", "lost", "error", "dropped"]) notices.dismiss(key);
  client.session = sessionOptions();
  figures.started(Date.now());
  showSession({ sessionId: "–", clientId: "–", generation: "–", model: "–" });
  client.start();
  return true;
}

async function disconnect() {
  void audio.silence();
  await audio.closeMicrophone(); // with its last block
  client.stop();
  claim?.release();
  claim = null;
}

/** Let sound begin: called first in click handlers. Without a loudspeaker the text of the answers remains. */
function unlock() {
  audio.unlock().catch(() => notices.show("sound", { title: "This device plays no sound", advice: "Answers are shown as text." }));
}

for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => audio.interrupted && unlock());

button("connect").addEventListener("click", () => {
  if (client.state !== "idle" && client.state !== "failed") {
    void disconnect();
    return;
  }
  unlock();
  void connect();
});

// Speaking and typing

button("talk").addEventListener("click", async () => {
  if (audio.microphoneOn) {
    await audio.closeMicrophone();
    if (client.session.turnDetection === "none") client.commitAudio();
    return;
  }
  const opening = audio.openMicrophone(); // within the click: iOS lets sound begin in no other place
  const connecting = connect();
  try {
    await opening;
    notices.dismiss("microphone");
    if (!(await connecting)) await audio.closeMicrophone();
  } catch (error) {
    const { message, advice } = /** @type {import("./audio.js").MicrophoneError} */ (error);
    notices.show("microphone", { title: message, advice, kind: "error" });
  }
});

byId("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId("text"));
  const text = input.value.trim();
  if (!text) return;
  unlock();
  if (!(await connect())) return;
  input.value = "";
  await bargeIn();
  transcript.typed(text);
  client.sendText(text);
  figures.asked(Date.now());
});

async function bargeIn() {
  if (!audio.playing) return;
  figures.spokeUp(Date.now());
  const heard = await audio.silence();
  if (heard) cut(heard);
  client.interrupt(heard?.itemId, heard?.playedMs);
}

/** @param {{itemId: string, playedMs: number}} heard */
function cut({ itemId, playedMs }) {
  transcript.mark(itemId, `Interrupted after ${seconds(playedMs)}`);
}

button("interrupt").addEventListener("click", () => void bargeIn());

// What happens

on(client, "state", ({ state, badge, waitMs, event }) => {
  const idle = state === "idle" || state === "failed";
  byId("badge").textContent = badge ?? "Not connected";
  byId("badge").dataset.badge = badge ?? "none";
  button("connect").textContent = idle ? (state === "failed" ? "Try again" : "Connect") : "End";
  byId("hint").textContent = waitMs ? `Next try in ${seconds(waitMs)}` : "";
  timeline.note(state, `after ${event}${waitMs ? `, next try in ${seconds(waitMs)}` : ""}`);
  showActivity();
  if (badge === "Reconnecting" && answering) transcript.mark(answering, "Cut off: the session was lost");
  if (state === "connecting" || state === "reopening") capture.start(Date.now());
  if (event === "opened") capture.connected(Date.now());
  if (badge === "Connected" || badge === "Fallback") notices.dismiss("error");
  if (idle) void audio.closeMicrophone();
});

on(client, "ready", (message) => {
  figures.sessionReady(Date.now());
  showLatency(figures);
  showSession({ sessionId: message.sessionId, model: message.model, generation: message.generation });
  if (message.lost?.length) notices.show("lost", { title: "Not everything came back", advice: message.lost.join(", ") });
});

on(client, "message", (message) => {
  capture.message(message, false, Date.now());
  timeline.message(message.type.includes(".") ? "server" : "bridge", message);
  if (message.type === "connected") showSession({ clientId: message.clientId });
  if (typeof message.generation === "number") showSession({ generation: client.generation });
});
on(client, "sent", (message) => {
  if (message.type === "playback") return;
  capture.message(message, true, Date.now());
  timeline.message("client", message);
});
on(client, "audio_sent", (pcm) => {
  capture.audio(pcm.byteLength, Date.now());
  timeline.audio(pcm.byteLength / 48);
});

on(client, "notice", ({ title, advice, count, code, retryable }) => {
  const more = count > 1 ? ` (${count} errors)` : "";
  notices.show("error", { title: `${title}${more}`, advice: `${advice} [${code}]`, kind: retryable ? "warning" : "error" });
});
on(client, "held", ({ ms, messages }) => {
  const whole = Math.ceil(ms / 1000); // told once a second at most: screen readers read it out
  const parts = [...(ms ? [`${whole} s of speech`] : []), ...(messages ? [`${messages} messages`] : [])];
  const hint = parts.length ? `Kept until the session is ready: ${parts.join(", ")}` : "";
  if (byId("hint").textContent !== hint) byId("hint").textContent = hint;
});
on(client, "dropped", ({ ms, messages, by }) => {
  const lost = ms ? `${seconds(ms)} of speech` : `${messages} messages`;
  notices.show("dropped", { title: `${lost} could not be kept`, advice: `The ${by} had no session for too long.` });
});

on(client, "turn", ({ itemId, role }) => transcript.turn(itemId, role));
on(client, "transcript", (part) => {
  const { text } = transcript.add(part);
  if (part.role === "assistant") {
    lastAnswer = text;
    answering = part.itemId;
  }
  if (part.role === "user" && part.final && soundsLikeEcho(text, lastAnswer)) echo("Your words repeat the answer: the microphone hears it.");
});
on(client, "audio", ({ itemId, pcm }) => {
  figures.audio(itemId, Date.now());
  showLatency(figures);
  const samples = new Int16Array(pcm.buffer, 0, pcm.byteLength >> 1);
  meters.peak("speaker-level", samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0) / 32_768);
});
on(client, "speech", ({ speaking }) => {
  const now = Date.now();
  if (!speaking) figures.asked(now);
  else if (audio.playing) figures.spokeUp(now);
});
on(client, "answer", ({ active, response }) => {
  if (figures.answer(active, response.status, Date.now())) echo("An answer was cancelled as soon as it began.");
  if (active) return;
  usage.response(response);
  answering = "";
});
on(client, "usage", (message) => usage.report(message));

/** What goes on, in two words. */
function showActivity() {
  const live = client.badge === "Connected" || client.badge === "Fallback";
  const speaking = audio.playing ? "The assistant is speaking" : "";
  const listening = audio.microphoneOn ? (live ? "Listening" : "Listening, and keeping what you say") : "";
  byId("activity").textContent = speaking || listening;
  button("interrupt").disabled = !audio.playing;
}

/** @param {string} sign */
function echo(sign) {
  notices.show("echo", { title: "The assistant may hear itself", advice: `${sign} Use headphones.`, kind: "info" });
  timeline.note("echo", sign);
}

on(audio, "speech", ({ peak }) => meters.peak("mic-level", peak));
on(audio, "microphone", ({ on: isOn, problem }) => {
  button("talk").setAttribute("aria-pressed", String(isOn));
  /** @type {HTMLElement} */ (button("talk").querySelector("span")).textContent = isOn ? "Stop" : "Talk";
  wakeLock.keep(isOn);
  showActivity();
  if (problem) notices.show("microphone", { title: problem.message, advice: problem.advice, kind: "error" });
});
on(audio, "playback", ({ event }) => {
  figures.playback(event, Date.now());
  if (event === "progress") return;
  showActivity();
  showLatency(figures);
});

button("download").addEventListener("click", () => {
  const file = new Blob([capture.format({ kind: client.session.kind }, Date.now())], { type: "application/x-ndjson" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `sherpa-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.ndjson`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

joinAudio(client, audio, { onBargeIn: cut });
followPage(client, audio);
enableCopying();
showLatency(figures);
void setUpSimulator(notices);
