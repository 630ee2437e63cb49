// Runs the page's modules in Node.js for tests in Python: one JSON line in, one JSON line out.

import { createInterface } from "node:readline";

import { FakeFallback } from "./fake_fallback.mjs";

const web = process.argv[2];
const load = (name) => import(`${web}/${name}.js`);

const states = await load("client-states");
const { SherpaClient } = await load("sherpa-client");
const { ErrorNotices } = await load("error-notices");
const { FallbackRule } = await load("fallback-rule");
const { fallbackOpener } = await load("fallback-transport");
const { growingWait } = await load("waits");
const { Resampler } = await load("resampler");
const { BlockMaker, mixDown } = await load("mic-worklet");
const { PlaybackQueue } = await load("player-worklet");
const { CaptureLog } = await load("capture");
const { LatencyFigures, soundsLikeEcho } = await load("latency");
const { Unanswered } = await load("unanswered");

/** Timers in an order that is known, and a clock that only moves when it is told. */
class Clock {
  time = 1_000_000;
  timers = [];
  now = () => this.time;
  random = () => 0.5;
  setTimeout = (run, ms) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return timer;
  };
  clearTimeout = (timer) => {
    this.timers = this.timers.filter((one) => one !== timer);
  };
  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const [next] = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.clearTimeout(next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
}

/** A chunk of 20 ms that carries its number. */
const chunk = (number) => new Uint8Array(new Int16Array(480).fill(number).buffer);
/** The numbers of all chunks in a piece of speech. */
const numbers = (pcm) => {
  const samples = new Int16Array(pcm.slice().buffer);
  return Array.from({ length: samples.length / 480 }, (_, index) => samples[index * 480]);
};

async function client({ steps, options = {}, fallback = false, explained = null, tokenMs = 0 }) {
  const clock = new Clock();
  const trace = [];
  const note = (kind, detail) => trace.push({ at: clock.time - 1_000_000, kind, ...detail });
  let handlers = null;
  let earlier = null;
  let unsent = 0;
  const opener = (kind) => (url, token, given) => {
    earlier = handlers;
    handlers = given;
    note("open", { transport: kind, token });
    return {
      kind,
      send: (message) => note("send", { message }),
      sendAudio: (pcm) => note("audio", { numbers: numbers(pcm) }),
      close: () => note("close", {}),
      get unsentBytes() {
        return unsent;
      },
    };
  };
  const rule = new FallbackRule();
  const subject = new SherpaClient({
    url: "ws://bridge.test/",
    openTransport: opener("websocket"),
    openFallback: fallback ? opener("fallback") : null,
    fallbackRule: rule,
    token: tokenMs ? () => new Promise((resolve) => clock.setTimeout(() => resolve("a-ticket"), tokenMs)) : undefined,
    explainFailure: async () => {
      if (explained === "unreachable") throw new TypeError("Failed to fetch");
      return explained;
    },
    clock,
    ...options,
  });
  for (const name of ["state", "notice", "dropped", "held", "ready", "transcript"]) {
    subject.addEventListener(name, ({ detail }) => note("event", { name, detail }));
  }
  const does = {
    start: () => subject.start(),
    stop: () => subject.stop(),
    opened: () => handlers?.onOpen(),
    message: (message) => handlers?.onMessage(message),
    end: (end) => handlers?.onEnd({ code: 1006, reason: "", opened: true, delivered: true, ...end }),
    end_of_earlier: () => earlier.onEnd({ code: 1006, reason: "", opened: true, delivered: true }),
    advance: (ms) => clock.advance(ms),
    audio: (number) => {
      note("posted", { number, state: subject.state });
      subject.sendAudio(chunk(number));
    },
    text: (text) => subject.sendText(text),
    interrupt: (itemId, ms) => subject.interrupt(itemId, ms),
    playback: (itemId, ms, ended) => subject.playback(itemId, ms, ended),
    unsent: (bytes) => {
      unsent = bytes;
    },
    lifecycle: (event) => subject.lifecycle(event),
  };
  for (const [step, ...words] of steps) {
    does[step](...words);
    await null; // tokens are fetched in a task of their own
    await null;
    await null;
  }
  return { trace, state: subject.state, badge: subject.badge, generation: subject.generation, timers: clock.timers.length };
}

function player({ rate, steps }) {
  const events = [];
  let rendered = 0;
  const output = [];
  const queue = new PlaybackQueue(rate, (event, position) => events.push({ event, at: rendered, ...position }));
  for (const [step, ...words] of steps) {
    if (step === "append") queue.append(words[0], Int16Array.from(words[1]));
    else if (step === "fill") queue.append(words[0], new Int16Array(words[1]).fill(words[2] ?? 8_000));
    else if (step === "end") queue.end(words[0]);
    else if (step === "stop") queue.stop();
    else {
      for (let block = 0; block < words[0]; block += 1) {
        const samples = new Float32Array(128);
        queue.render(samples);
        rendered += 128;
        output.push(...samples);
      }
    }
  }
  return { events, output, position: queue.position, playing: queue.playing };
}

/** One transport of the REST fallback, and the bridge that `plan` scripts. */
async function fallback({ steps, plan = {}, url = "wss://bridge.test/voice/api/openai/realtime?x=1" }) {
  const clock = new Clock();
  const bridge = new FakeFallback(plan, clock, (pcm) => numbers(pcm));
  const got = { opened: 0, messages: [], ends: [], unsent: [] };
  const transport = fallbackOpener({ send: bridge.fetch, clock })(url, "a-ticket", {
    onOpen: () => (got.opened += 1),
    onMessage: (message) => got.messages.push(message),
    onEnd: (end) => got.ends.push(end),
  });
  const does = {
    send: (message) => transport.send(message),
    audio: (number) => transport.sendAudio(chunk(number)),
    close: () => transport.close(),
    say: (...messages) => bridge.say(...messages),
    answer: () => bridge.answer(),
    hold: () => bridge.hold(),
    end_stream: () => bridge.endStream(),
    cut_stream: () => bridge.cutStream(),
    advance: (ms) => clock.advance(ms),
    unsent: () => got.unsent.push(transport.unsentBytes),
  };
  for (const [step, ...words] of steps) {
    does[step](...words);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return { ...got, requests: bridge.requests, taken: bridge.taken, timers: clock.timers.length };
}

const tasks = {
  fallback,
  rule: ({ steps, until = 0 }) => {
    const rule = new FallbackRule({ until });
    return steps.map(([name, ...words]) => rule[name](...words) ?? null);
  },
  table: () => ({
    transitions: states.TRANSITIONS,
    actions: Object.keys(states.ACTIONS),
    badges: states.BADGES,
    sending: [...states.SENDING],
  }),
  client,
  player,
  resample: ({ from, to, samples, pieces = 1 }) => {
    const resampler = new Resampler(from, to);
    const size = Math.ceil(samples.length / pieces);
    const output = [];
    for (let at = 0; at < samples.length; at += size) {
      output.push(...resampler.process(Float32Array.from(samples.slice(at, at + size))));
    }
    return [...output, ...resampler.flush()];
  },
  blocks: ({ rate, samples }) => {
    const blocks = [];
    const maker = new BlockMaker(rate, (pcm, peak) => blocks.push({ pcm: [...pcm], peak }));
    maker.add(Float32Array.from(samples));
    const whole = blocks.length;
    maker.flush();
    return { blocks, whole };
  },
  mix: ({ channels }) => [...mixDown(channels.map((one) => Float32Array.from(one)))],
  notices: ({ steps }) => {
    const notices = new ErrorNotices();
    return steps.map(([now, error]) => ({ shown: error ? notices.take(error, now) : notices.tick(now), due: notices.due }));
  },
  wait: ({ attempt, random }) => growingWait(attempt, random),
  capture: ({ steps, about = {} }) => {
    const log = new CaptureLog();
    log.start(1_000_000);
    log.connected(1_000_050);
    for (const [at, sent, message] of steps) log.message(message, sent, 1_000_000 + at);
    log.audio(960, 1_000_900);
    return log.format(about, 1_001_000);
  },
  latency: ({ steps }) => {
    const figures = new LatencyFigures();
    const answers = steps.map(([name, ...words]) => figures[name](...words) ?? null);
    return { ready: figures.ready, firstAudio: figures.firstAudio, gap: figures.gap, bargeIn: figures.bargeIn, plot: figures.answers, answers };
  },
  echo: ({ said, answer }) => soundsLikeEcho(said, answer),
  unanswered: ({ steps, manual = false }) => {
    const speech = new Unanswered();
    speech.manual = manual;
    for (const [step, ...words] of steps) {
      if (step === "sent") for (let number = words[0]; number < words[1]; number += 1) speech.speechSent(chunk(number));
      else speech[step](...words);
    }
    return speech.take().flatMap((item) => (item.kind === "audio" ? numbers(item.pcm) : [item.message.type]));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { task, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await tasks[task](given) };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
